// quickstart.c in C++17: handles free themselves, errors are exceptions, a hook is a lambda.
#include <kantor.hpp>

#include <cstdint>
#include <cstdio>
#include <vector>

int main()
{
  const std::vector<double> cost{0, 1, 4, 1, 0, 1}, a{0.5, 0.5}, b{0.25, 0.5, 0.25};
  try {
    kantor::Problem problem("transport");
    problem.set("cost", cost.data(), {2, 3}).set("weights_source", a).set("weights_target", b);

    std::int64_t calls = 0;
    kantor::Settings settings("sinkhorn");
    settings.set("epsilon", 0.05).on_progress([&](const kantor::Progress &) {
      calls++;
      return true; // go on
    });

    const kantor::Result result = kantor::solve(problem, settings);
    std::printf("%s: objective %.6f, hook called: %s\n", kantor::name(result.status()),
                result.real("objective"), calls > 0 ? "yes" : "no");

    const kantor::View<double> plan = result.array<double>("plan");
    for (std::int64_t i = 0; i < plan.shape(0); i++) {
      for (std::int64_t j = 0; j < plan.shape(1); j++) std::printf(" %.4f", plan(i, j));
      std::printf("\n");
    }

    const kantor::ExactTransport exact = kantor::exact_transport(2, 3, cost.data(), a, b);
    std::printf("%s: exact objective %.6f, %zu entries\n", kantor::name(exact.status),
                exact.objective, exact.values.size());
  } catch (const kantor::Error &error) {
    std::fprintf(stderr, "%s: %s\n", error.name(), error.what());
    return 1;
  }
}
