"""Writes the two digit images that examples/c/digits.c reads: python export_digits.py

Source: scikit-learn's digits data set (sklearn.datasets.load_digits), which is the test part of the
UCI "Optical Recognition of Handwritten Digits" data set; 8 x 8 images with values from 0 to 16.
"""

import pathlib

from sklearn.datasets import load_digits

# Number of the image in the data set, by the name of the file.
IMAGES = {"digits_three.csv": 3, "digits_eight.csv": 8}


def main() -> None:
    digits = load_digits()
    folder = pathlib.Path(__file__).resolve().parent
    for name, index in IMAGES.items():
        rows = [
            f"# A handwritten {digits.target[index]}: image {index} of scikit-learn's digits, "
            "ink from 0 to 16.",
        ]
        rows += [",".join(str(int(value)) for value in row) for row in digits.images[index]]
        (folder / name).write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
