/* Results, and views of their arrays. Part of kantor.hpp. */
#ifndef KANTOR_RESULT_HPP
#define KANTOR_RESULT_HPP

#include "support.hpp"

#include <array>
#include <vector>

namespace kantor {

/// A read-only view of an array with elements of type T; strides are in elements.
template <class T>
class View {
public:
  explicit View(const kantor_array &array) : array_(array)
  {
    if (array.dtype != detail::ElementType<T>::value)
      throw Error(KANTOR_E_TYPE, "the array has elements of another type");
  }

  int rank() const noexcept { return array_.ndim; }
  std::int64_t shape(int axis) const noexcept { return array_.shape[axis]; }
  std::int64_t stride(int axis) const noexcept { return array_.stride[axis]; }
  const T *data() const noexcept { return static_cast<const T *>(array_.data); }

  /// Number of elements.
  std::int64_t size() const noexcept
  {
    std::int64_t count = 1;
    for (int axis = 0; axis < rank(); axis++) count *= shape(axis);
    return count;
  }

  /// An element; indices are not checked.
  const T &operator[](std::int64_t i) const noexcept { return data()[i * stride(0)]; }
  const T &operator()(std::int64_t i) const noexcept { return (*this)[i]; }
  const T &operator()(std::int64_t i, std::int64_t j) const noexcept
  {
    return data()[i * stride(0) + j * stride(1)];
  }

  /// The elements in row-major order.
  std::vector<T> to_vector() const
  {
    std::vector<T> values;
    values.reserve(static_cast<std::size_t>(size()));
    std::array<std::int64_t, 4> extent{1, 1, 1, 1}, step{0, 0, 0, 0};
    for (int axis = 0; axis < rank(); axis++) {
      extent[static_cast<std::size_t>(axis)] = shape(axis);
      step[static_cast<std::size_t>(axis)] = stride(axis);
    }
    for (std::int64_t i = 0; i < extent[0]; i++)
      for (std::int64_t j = 0; j < extent[1]; j++)
        for (std::int64_t k = 0; k < extent[2]; k++)
          for (std::int64_t l = 0; l < extent[3]; l++)
            values.push_back(data()[i * step[0] + j * step[1] + k * step[2] + l * step[3]]);
    return values;
  }

private:
  kantor_array array_;
};

/// A field of a result, as kantor_result_field_describe tells it.
struct Field {
  std::string name;
  std::int32_t type;
  bool is_certificate;
  std::string shape;
  std::string doc;
};

/// A named array of a derivative product.
struct Named {
  const char *name;
  kantor_array array;

  /// A cotangent: contiguous values of a result field.
  template <class T>
  static Named input(const char *name, const T *data, Shape shape)
  {
    return {name, detail::array_of(data, shape)};
  }
  /// A gradient to be filled: contiguous memory of the shape of a problem field.
  static Named output(const char *name, double *data, Shape shape)
  {
    return {name, detail::array_of(data, shape)};
  }
};

/// What a solve gives back. Immutable; outlives its problem and settings.
class Result {
public:
  /// Takes over a handle of the C interface.
  explicit Result(kantor_result *handle) noexcept : handle_(handle) {}

  kantor_result *handle() const noexcept { return handle_.get(); }

  Status status() const
  {
    return static_cast<Status>(detail::check(kantor_result_status(handle())));
  }
  bool solved() const { return status() == Status::solved; }

  double real(const char *name) const
  {
    double value = 0;
    detail::check(kantor_result_real(handle(), name, &value));
    return value;
  }

  std::int64_t integer(const char *name) const
  {
    std::int64_t value = 0;
    detail::check(kantor_result_int(handle(), name, &value));
    return value;
  }

  std::string text(const char *name) const
  {
    return detail::text_of([&](char *text, std::int64_t capacity) {
      return kantor_result_text(handle(), name, text, capacity);
    });
  }

  /// Looks into an array; valid as long as this result.
  template <class T>
  View<T> array(const char *name) const &
  {
    kantor_array array;
    array.struct_size = sizeof array;
    detail::check(kantor_result_array(handle(), name, &array));
    return View<T>(array);
  }
  // A view of a temporary would dangle.
  template <class T>
  View<T> array(const char *name) const && = delete;

  /// Every field that this result has.
  std::vector<Field> fields() const
  {
    std::vector<Field> fields;
    std::int64_t count = detail::check(kantor_result_field_count(handle()));
    for (std::int64_t index = 0; index < count; index++) {
      kantor_field_info info;
      info.struct_size = sizeof info;
      detail::check(kantor_result_field_describe(handle(), index, &info));
      fields.push_back({info.name, info.type, info.is_certificate != 0, info.shape, info.doc});
    }
    return fields;
  }

  /// The result as bytes, to be kept in a file; arrays that nobody has asked for are left out.
  std::vector<unsigned char> save() const
  {
    std::int64_t size = 0;
    std::vector<unsigned char> bytes;
    std::int32_t code = KANTOR_E_BUFFER;
    // Another thread may ask for an array between the two calls; then there is more to save.
    while (code == KANTOR_E_BUFFER) {
      detail::check(kantor_result_save(handle(), nullptr, 0, &size));
      bytes.resize(static_cast<std::size_t>(size));
      code = kantor_result_save(handle(), bytes.data(), size, &size);
    }
    detail::check(code);
    return bytes;
  }

  /// A result from saved bytes; it can be read and start a solve, but has no derivatives.
  static Result load(const std::vector<unsigned char> &bytes)
  {
    kantor_result *handle = nullptr;
    // Never NULL, also where there are no bytes.
    const unsigned char none = 0;
    detail::check(kantor_result_load(bytes.empty() ? &none : bytes.data(),
                                     static_cast<std::int64_t>(bytes.size()), &handle));
    return Result(handle);
  }

  /// Pulls cotangents of result fields back to problem fields: writes dL/d(field) into gradients.
  void vjp(std::initializer_list<Named> cotangents, std::initializer_list<Named> gradients) const
  {
    std::vector<const char *> names_in, names_out;
    std::vector<kantor_array> arrays_in, arrays_out;
    for (const Named &c : cotangents) names_in.push_back(c.name), arrays_in.push_back(c.array);
    for (const Named &g : gradients) names_out.push_back(g.name), arrays_out.push_back(g.array);
    detail::check(kantor_result_vjp(
        handle(), static_cast<std::int64_t>(names_in.size()), names_in.data(), arrays_in.data(),
        static_cast<std::int64_t>(names_out.size()), names_out.data(), arrays_out.data()));
  }

  /// Pushes tangents of problem fields forward: writes the changes of result fields.
  void jvp(std::initializer_list<Named> tangents, std::initializer_list<Named> changes) const
  {
    std::vector<const char *> names_in, names_out;
    std::vector<kantor_array> arrays_in, arrays_out;
    for (const Named &t : tangents) names_in.push_back(t.name), arrays_in.push_back(t.array);
    for (const Named &c : changes) names_out.push_back(c.name), arrays_out.push_back(c.array);
    detail::check(kantor_result_jvp(
        handle(), static_cast<std::int64_t>(names_in.size()), names_in.data(), arrays_in.data(),
        static_cast<std::int64_t>(names_out.size()), names_out.data(), arrays_out.data()));
  }

  /// The gradient of a scalar result field, such as "objective", with respect to a problem field.
  std::vector<double> gradient(const char *of, const char *field, Shape shape) const
  {
    std::size_t count = 1;
    for (std::int64_t extent : shape) {
      if (extent < 0) throw Error(KANTOR_E_SHAPE, "gradient: an extent is negative");
      count *= static_cast<std::size_t>(extent);
    }
    std::vector<double> gradient(count);
    const double one = 1;
    vjp({Named::input(of, &one, {})}, {Named::output(field, gradient.data(), shape)});
    return gradient;
  }

private:
  detail::ResultHandle handle_;
};

} // namespace kantor

#endif
