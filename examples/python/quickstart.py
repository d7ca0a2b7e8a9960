"""The shortest useful program: solve the same small problem exactly and with entropy."""

import numpy as np

import kantor

cost = np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 1.0]])
problem = kantor.Problem("transport", cost=cost, a=[0.5, 0.5], b=[0.25, 0.5, 0.25])

exact = kantor.solve(problem)
print(f"{exact.status}: the least cost is {exact.objective:.6f}")
print(np.round(exact.plan, 4))

smooth = kantor.solve(problem, "sinkhorn", epsilon=0.05)
print(f"{smooth.status}: with entropy it is {smooth.transport_cost:.6f}")
print(np.round(smooth.plan, 4))
