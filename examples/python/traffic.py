"""Traffic in Sioux Falls: routes at which no driver gains by changing.

The travel time of a road with the flow v is t (1 + 0.15 (v / capacity)^4). 360,600 trips between 24
places choose among routes, as a variational inequality on one simplex for each pair of places.
Routes are found on the way: after each solve the shortest ones at the present times are added,
until no route is shorter than those in use.
"""

import csv
import heapq
import pathlib

import numpy as np

import kantor

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
UNIT = 1000.0  # vehicles


def read():
    """Roads as (from, to), capacities, free times, and trips between places."""
    with open(DATA / "sioux_falls_links.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    roads = [(int(row["from"]) - 1, int(row["to"]) - 1) for row in rows]
    capacity = np.array([float(row["capacity"]) for row in rows]) / UNIT
    free = np.array([float(row["time"]) for row in rows])
    trips = np.loadtxt(DATA / "sioux_falls_trips.csv", delimiter=",") * 100 / UNIT
    return roads, capacity, free, trips


def shortest(roads, times, origin, count):
    """Distances from a place, and the road by which each place is reached."""
    leaving = [[] for _ in range(count)]
    for road, (tail, head) in enumerate(roads):
        leaving[tail].append((road, head))
    distance, last = np.full(count, np.inf), [-1] * count
    distance[origin] = 0.0
    heap = [(0.0, origin)]
    while heap:
        far, place = heapq.heappop(heap)
        if far > distance[place]:
            continue
        for road, head in leaving[place]:
            if far + times[road] < distance[head]:
                distance[head], last[head] = far + times[road], road
                heapq.heappush(heap, (distance[head], head))
    return distance, last


def assign(roads, capacity, free, trips, accuracy=1e-9, rounds=40):
    """Flows on the roads in equilibrium, and what is left to gain, relative."""
    count = len(trips)
    pairs = [(o, d) for o in range(count) for d in range(count) if trips[o, d] > 0]
    routes = {pair: [] for pair in pairs}
    flows = {pair: [] for pair in pairs}
    link = np.zeros(len(roads))
    for _ in range(rounds):
        times = free * (1 + 0.15 * (link / capacity) ** 4)
        least = 0.0
        for origin in range(count):
            distance, last = shortest(roads, times, origin, count)
            for pair in (p for p in pairs if p[0] == origin):
                place, route = pair[1], []
                while place != origin:
                    route.append(last[place])
                    place = roads[last[place]][0]
                least += trips[pair] * distance[pair[1]]
                if sorted(route) not in routes[pair]:
                    routes[pair].append(sorted(route))
                    flows[pair].append(0.0 if flows[pair] else trips[pair])
        gap = 1 - least / (times @ link) if link.any() else np.inf
        if gap <= accuracy:
            break
        sizes = [len(routes[pair]) for pair in pairs]
        uses = np.zeros((len(roads), sum(sizes)))
        for column, route in enumerate(r for pair in pairs for r in routes[pair]):
            uses[route, column] = 1.0

        def travel(h):
            return uses.T @ (free * (1 + 0.15 * (uses @ h / capacity) ** 4))

        start = np.array([f for pair in pairs for f in flows[pair]])
        found = kantor.vi.solve(
            travel, start, [("simplex", trips[pair]) for pair in pairs], blocks=sizes,
            tolerance=max(1e-11, min(1e-4, 0.01 * gap)))
        link = uses @ found.x
        ends = np.cumsum(sizes)[:-1]
        flows = {pair: list(part) for pair, part in zip(pairs, np.split(found.x, ends))}
    return link, gap


def main() -> None:
    roads, capacity, free, trips = read()
    link, gap = assign(roads, capacity, free, trips)
    potential = free @ (link + 0.03 * link**5 / capacity**4) * UNIT / 1e5
    print(f"{trips.sum() * UNIT:.0f} trips, gap {gap:.0e}")
    print(f"potential {potential:.6f}, published 42.313353")
    busiest = np.argsort(-link / capacity)[:3]
    for road in busiest:
        tail, head = roads[road]
        print(f"{tail + 1} to {head + 1}: {link[road] * UNIT:.0f} vehicles, "
              f"{link[road] / capacity[road]:.1f} times the capacity")


if __name__ == "__main__":
    main()
