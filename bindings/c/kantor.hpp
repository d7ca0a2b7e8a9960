/* Kantor for C++17: handles that free themselves, errors as exceptions, hooks from any callable.
 *
 *     kantor::Problem problem("transport");
 *     problem.set("cost", cost.data(), {n, m}).set("weights_source", a);
 *     kantor::Settings settings("sinkhorn");
 *     settings.set("epsilon", 0.05);
 *     kantor::Result result = kantor::solve(problem, settings);
 *     if (result.solved()) use(result.real("objective"), result.array<double>("plan"));
 *
 * Rules
 *   Errors   a failed call throws kantor::Error, which carries the code of the C function and its
 *            text. A status of a result (a limit reached, a cancel) is not an error.
 *   Handles  Problem, Settings and Result own one handle each and can be moved. copy() makes a
 *            twin where the C interface has one.
 *   Views    View<T> looks into a Result, which must outlive it.
 *   Hooks    an exception thrown by a hook or a function ends the solve and comes out of
 *            kantor::solve; a function throws kantor::OutsideDomain where it is not defined.
 *   Threads  as in C: different handles are independent, a sealed problem may be solved by
 *            several threads, cancel() may be called from any thread. Do not set the hooks of one
 *            Settings while another thread starts a solve with it.
 *
 * Everything is inline and built on kantor.h; nothing here is part of the library's binary
 * interface. Copyright 2026 the Kantor authors. Licensed under Apache-2.0.
 */
#ifndef KANTOR_HPP
#define KANTOR_HPP

#include "kantor/functions.hpp"
#include "kantor/problem.hpp"
#include "kantor/result.hpp"
#include "kantor/settings.hpp"
#include "kantor/support.hpp"

#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

namespace kantor {

/// Solves a problem: with a method by name or the default one, and with settings or without.
/// Throws Error when the call failed, and whatever a hook or a function threw.
inline Result solve(const Problem &problem, const char *method, const Settings *settings)
{
  // A running solve keeps the hooks it started with.
  std::shared_ptr<detail::Hooks> hooks = settings != nullptr ? settings->hooks_ : nullptr;
  detail::Solve solve;
  struct Frame {
    detail::Solve *outer = detail::current_solve();
    ~Frame() { detail::current_solve() = outer; }
  } frame;
  detail::current_solve() = &solve;

  kantor_result *handle = nullptr;
  std::int32_t code = kantor_solve(problem.handle(), method,
                                   settings != nullptr ? settings->handle() : nullptr, &handle);
  Result result(handle);
  if (solve.thrown) std::rethrow_exception(solve.thrown);
  detail::check(code);
  return result;
}
inline Result solve(const Problem &problem, const char *method = nullptr)
{
  return solve(problem, method, nullptr);
}
inline Result solve(const Problem &problem, const Settings &settings)
{
  return solve(problem, nullptr, &settings);
}
inline Result solve(const Problem &problem, const char *method, const Settings &settings)
{
  return solve(problem, method, &settings);
}

/// An exact optimal plan, as entries, with potentials f_i + g_j <= C_ij.
struct ExactTransport {
  Status status;
  double objective = 0;
  std::vector<double> f, g;
  std::vector<std::int64_t> rows, columns;
  std::vector<double> values;
};

/// Exact optimal transport of a dense n x m cost in one call; empty weights are uniform.
inline ExactTransport exact_transport(std::int64_t n, std::int64_t m, const double *cost,
                                      const std::vector<double> &a = {},
                                      const std::vector<double> &b = {})
{
  auto fits = [](const std::vector<double> &weights, std::int64_t count) {
    return weights.empty() || weights.size() == static_cast<std::size_t>(count);
  };
  if (n < 1 || m < 1 || !fits(a, n) || !fits(b, m))
    throw Error(KANTOR_E_SHAPE, "exact_transport: the weights do not fit n and m");
  ExactTransport plan{};
  std::size_t capacity = static_cast<std::size_t>(n) + static_cast<std::size_t>(m) - 1;
  plan.f.resize(static_cast<std::size_t>(n));
  plan.g.resize(static_cast<std::size_t>(m));
  plan.rows.resize(capacity);
  plan.columns.resize(capacity);
  plan.values.resize(capacity);
  std::int64_t count = 0;
  plan.status = static_cast<Status>(detail::check(kantor_transport_exact(
      n, m, cost, a.empty() ? nullptr : a.data(), b.empty() ? nullptr : b.data(),
      &plan.objective, plan.f.data(), plan.g.data(), static_cast<std::int64_t>(capacity),
      plan.rows.data(), plan.columns.data(), plan.values.data(), &count)));
  plan.rows.resize(static_cast<std::size_t>(count));
  plan.columns.resize(static_cast<std::size_t>(count));
  plan.values.resize(static_cast<std::size_t>(count));
  return plan;
}

} // namespace kantor

#endif
