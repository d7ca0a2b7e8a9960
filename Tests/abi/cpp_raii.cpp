// The C++ header: ownership, errors, views, hooks and exceptions from them.
#include <kantor.hpp>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

int checks = 0, failures = 0;

void check(bool holds, const char *what, int line)
{
  checks++;
  if (holds) return;
  failures++;
  std::printf("line %d: does not hold: %s\n", line, what);
}
#define CHECK(condition) check((condition), #condition, __LINE__)

// The code of the kantor::Error that an action throws; 0 if it throws none.
template <class Action>
std::int32_t code_of(Action action)
{
  try {
    action();
  } catch (const kantor::Error &error) {
    // Every error has a text and a name.
    CHECK(error.what()[0] != '\0' && std::string(error.name()) != "unknown");
    return error.code();
  }
  return 0;
}

bool near(double x, double y, double tolerance = 1e-9) { return std::fabs(x - y) <= tolerance; }

const std::vector<double> cost{0, 1, 4, 1, 0, 1}, a{0.5, 0.5}, b{0.25, 0.5, 0.25};

kantor::Problem small()
{
  kantor::Problem problem("transport");
  problem.set("cost", cost.data(), {2, 3}).set("weights_source", a).set("weights_target", b);
  return problem;
}

// Large and hard enough for many iterations.
kantor::Problem clouds(std::int64_t n = 600)
{
  std::vector<double> x, y;
  for (std::int64_t i = 0; i < 2 * n; i++) {
    x.push_back(std::fmod(0.618034 * static_cast<double>(i), 1.0));
    y.push_back(std::fmod(0.414214 * static_cast<double>(i), 1.0));
  }
  kantor::Problem problem("transport");
  problem.set("points_source", x.data(), {n, 2}).set("points_target", y.data(), {n, 2});
  problem.set("metric", std::string("sqeuclidean"));
  return problem;
}

void exact_answer()
{
  const kantor::Problem problem = small();
  const kantor::Result result = kantor::solve(problem);
  CHECK(result.solved() && result.status() == kantor::Status::solved);
  CHECK(std::string(kantor::name(result.status())) == "solved");
  // A quarter moves from the first source to the second target, one from the second to the third.
  CHECK(near(result.real("objective"), 0.5));
  CHECK(result.text("status") == "solved");
  CHECK(result.integer("iterations") >= 0);

  const kantor::View<double> plan = result.array<double>("plan");
  CHECK(plan.rank() == 2 && plan.shape(0) == 2 && plan.shape(1) == 3 && plan.size() == 6);
  double total = 0, paid = 0;
  for (std::int64_t i = 0; i < 2; i++)
    for (std::int64_t j = 0; j < 3; j++) {
      total += plan(i, j);
      paid += plan(i, j) * cost[static_cast<std::size_t>(3 * i + j)];
      CHECK(plan(i, j) == plan.to_vector()[static_cast<std::size_t>(3 * i + j)]);
    }
  CHECK(near(total, 1) && near(paid, 0.5));

  const kantor::View<std::int64_t> rows = result.array<std::int64_t>("plan_row");
  CHECK(rows.rank() == 1 && rows.size() == rows.shape(0) && rows[0] == rows(0));

  bool certificate = false;
  for (const kantor::Field &field : result.fields()) {
    certificate = certificate || (field.name == "gap" && field.is_certificate);
    CHECK(!field.doc.empty());
  }
  CHECK(certificate);
}

void one_call()
{
  const kantor::ExactTransport exact = kantor::exact_transport(2, 3, cost.data(), a, b);
  CHECK(exact.status == kantor::Status::solved && near(exact.objective, 0.5));
  double mass = 0, dual = 0;
  for (double value : exact.values) mass += value;
  for (std::size_t i = 0; i < 2; i++) dual += a[i] * exact.f[i];
  for (std::size_t j = 0; j < 3; j++) dual += b[j] * exact.g[j];
  CHECK(near(mass, 1) && near(dual, 0.5));
  CHECK(exact.rows.size() == exact.values.size() && exact.columns.size() == exact.values.size());
  // Uniform weights when none are given.
  const double square[4] = {0, 1, 1, 0};
  CHECK(near(kantor::exact_transport(2, 2, square).objective, 0));
  CHECK(code_of([] { kantor::exact_transport(2, 3, cost.data(), {1.0}); }) == KANTOR_E_SHAPE);
  CHECK(code_of([] { kantor::exact_transport(-1, 3, cost.data()); }) == KANTOR_E_SHAPE);
  const double bad[1] = {std::numeric_limits<double>::quiet_NaN()};
  CHECK(code_of([&] { kantor::exact_transport(1, 1, bad); }) == KANTOR_E_NOT_FINITE);
}

void errors()
{
  CHECK(code_of([] { kantor::Problem("no such kind"); }) == KANTOR_E_NAME);
  CHECK(code_of([] { kantor::Settings("no such method"); }) == KANTOR_E_NAME);
  kantor::Settings settings("sinkhorn");
  CHECK(code_of([&] { settings.set("epsilonn", 1.0); }) == KANTOR_E_NAME);
  CHECK(code_of([&] { settings.set("epsilon", -1.0); }) == KANTOR_E_RANGE);
  CHECK(code_of([&] { settings.set("epsilon", "small"); }) == KANTOR_E_TYPE);
  CHECK(code_of([&] { settings.on_log(9, [](std::int32_t, std::string_view) {}); }) ==
        KANTOR_E_RANGE);
  kantor::Problem problem = small();
  CHECK(code_of([&] { problem.set("cost", cost.data(), {-2, 3}); }) == KANTOR_E_SHAPE);
  CHECK(code_of([&] { problem.set("cost", cost.data(), {1, 1, 1, 1, 1}); }) == KANTOR_E_SHAPE);
  CHECK(code_of([&] {
          problem.set("cost", cost.data(), {std::int64_t(1) << 40, std::int64_t(1) << 40});
        }) == KANTOR_E_TOO_LARGE);
  CHECK(code_of([&] { kantor::solve(problem, "sinkhornn"); }) == KANTOR_E_NAME);
  problem.seal();
  CHECK(code_of([&] { problem.set("weights_source", a); }) == KANTOR_E_STATE);
  const kantor::Result result = kantor::solve(problem);
  CHECK(code_of([&] { result.real("no such field"); }) == KANTOR_E_NAME);
  CHECK(code_of([&] { result.array<float>("plan"); }) == KANTOR_E_TYPE);
  CHECK(code_of([] { kantor::solve(kantor::Problem("transport")); }) == KANTOR_E_MISSING);
}

void ownership()
{
  static_assert(!std::is_copy_constructible_v<kantor::Problem>);
  static_assert(!std::is_copy_constructible_v<kantor::Settings>);
  static_assert(!std::is_copy_constructible_v<kantor::Result>);
  static_assert(std::is_nothrow_move_constructible_v<kantor::Result>);

  kantor::Problem first = small();
  kantor::Problem moved = std::move(first);
  CHECK(first.handle() == nullptr && moved.handle() != nullptr);
  CHECK(code_of([&] { kantor::solve(first); }) == KANTOR_E_NULL);

  // A twin of a sealed problem can be changed; the original stays.
  moved.seal();
  kantor::Problem twin = moved.copy();
  const std::vector<double> other{0.5, 0.25, 0.25};
  twin.set("weights_source", other.data(), {2}).set("weights_target", other);
  CHECK(code_of([&] { twin.seal(); }) == KANTOR_E_RANGE); // masses 0.75 and 1
  twin.set("weights_source", a);
  CHECK(near(kantor::solve(moved).real("objective"), 0.5));
  CHECK(near(kantor::solve(twin).real("objective"), 0.25));

  // The result lives on when everything else is gone.
  auto problem = std::make_unique<kantor::Problem>(small());
  kantor::Result result = kantor::solve(*problem);
  problem.reset();
  CHECK(near(result.real("objective"), 0.5));
  kantor::Result taken = std::move(result);
  CHECK(code_of([&] { result.status(); }) == KANTOR_E_NULL && taken.solved());

  // A borrowed array keeps its owner until problem and results are gone, and no longer.
  auto owner = std::make_shared<std::vector<double>>(cost);
  std::weak_ptr<std::vector<double>> alive = owner;
  {
    kantor::Problem borrowing("transport");
    borrowing.borrow("cost", owner->data(), {2, 3}, owner);
    owner.reset();
    CHECK(!alive.expired());
    CHECK(kantor::solve(borrowing).solved());
  }
  CHECK(alive.expired());
  owner = std::make_shared<std::vector<double>>(cost);
  alive = owner;
  kantor::Problem refusing("transport");
  CHECK(code_of([&] { refusing.borrow("cots", owner->data(), {2, 3}, owner); }) == KANTOR_E_NAME);
  owner.reset();
  CHECK(alive.expired());
}

void options()
{
  kantor::Settings settings("sinkhorn");
  settings.set("epsilon", 0.05).set("max_iterations", 77).set("trace", true);
  CHECK(settings.real("epsilon") == 0.05 && settings.integer("max_iterations") == 77);
  CHECK(settings.flag("trace") && settings.parse("epsilon", "0.25").real("epsilon") == 0.25);
  settings.set("engine", "log");
  CHECK(settings.text("engine") == "log");
  kantor::Settings twin = settings.copy();
  settings.reset("epsilon");
  CHECK(settings.real("epsilon") != 0.25 && twin.real("epsilon") == 0.25);
  CHECK(settings.reset().integer("max_iterations") != 77);
  CHECK(twin.integer("max_iterations") == 77);

  twin.set("epsilon", 0.05);
  const kantor::Problem problem = small();
  const kantor::Result result = kantor::solve(problem, twin);
  CHECK(result.solved());
  CHECK(result.array<double>("trace_residual").size() > 0);
  // From its own answer a method has nothing left to do.
  twin.warm_start(result);
  const kantor::Result again = kantor::solve(problem, twin);
  CHECK(again.solved() && again.integer("iterations") <= result.integer("iterations"));
  twin.cold_start().start("potential_target", {0.0, 0.0, 0.0});
  CHECK(kantor::solve(problem, twin).solved());
}

void derivatives()
{
  const kantor::Problem problem = small();
  const kantor::Result result = kantor::solve(problem);
  // The derivative of the optimal cost with respect to the costs is the plan.
  const std::vector<double> gradient = result.gradient("objective", "cost", {2, 3});
  const std::vector<double> plan = result.array<double>("plan").to_vector();
  for (std::size_t k = 0; k < 6; k++) CHECK(near(gradient[k], plan[k]));
  const double one = 1;
  std::vector<double> g(6);
  result.vjp({kantor::Named::input("objective", &one, {})},
             {kantor::Named::output("cost", g.data(), {2, 3})});
  CHECK(g == gradient);
  CHECK(code_of([&] { result.gradient("objective", "cost", {3, 2}); }) == KANTOR_E_SHAPE);
  CHECK(code_of([&] { result.gradient("objective", "cost", {-2, 3}); }) == KANTOR_E_SHAPE);
}

struct HostError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

kantor::Settings slow()
{
  kantor::Settings settings("sinkhorn");
  settings.set("epsilon", 1e-3).set("tolerance", 1e-12);
  return settings;
}

void progress_hooks()
{
  const kantor::Problem problem = clouds();
  kantor::Settings settings = slow();
  std::int64_t calls = 0;
  settings.on_progress([&](const kantor::Progress &) { return ++calls < 2; });
  const kantor::Result stopped = kantor::solve(problem, settings);
  CHECK(stopped.status() == kantor::Status::stopped_by_callback && calls == 2);
  CHECK(std::isfinite(stopped.real("marginal_residual")));

  // What a hook throws comes out of the solve, unchanged; the library stays usable.
  settings.on_progress([](const kantor::Progress &) -> bool { throw HostError("from a hook"); });
  std::string caught;
  try {
    kantor::solve(problem, settings);
  } catch (const HostError &error) {
    caught = error.what();
  }
  CHECK(caught == "from a hook");

  // A solve inside a hook has its own exceptions, and so has the outer one.
  std::string inner;
  calls = 0;
  settings.on_progress([&](const kantor::Progress &) {
    if (calls++ > 0) return false;
    kantor::Settings nested = slow();
    nested.on_progress([](const kantor::Progress &) -> bool { throw HostError("inner"); });
    try {
      kantor::solve(problem, nested);
    } catch (const HostError &error) {
      inner = error.what();
    }
    return true;
  });
  CHECK(kantor::solve(problem, settings).status() == kantor::Status::stopped_by_callback);
  CHECK(inner == "inner" && calls == 2);

  // A twin keeps the hook when the settings it was made from are gone.
  calls = 0;
  auto original = std::make_unique<kantor::Settings>(slow());
  original->on_progress([&](const kantor::Progress &) { return ++calls < 3; });
  kantor::Settings twin = original->copy();
  original.reset();
  kantor::solve(problem, twin);
  CHECK(calls == 3);
  twin.on_progress(nullptr).set("max_iterations", 2);
  CHECK(kantor::solve(problem, twin).status() == kantor::Status::iteration_limit && calls == 3);
}

void log_hooks()
{
  const kantor::Problem problem = clouds();
  kantor::Settings settings = slow();
  std::int64_t lines = 0;
  settings.set("max_iterations", 3);
  settings.on_log(KANTOR_LOG_DEBUG, [&](std::int32_t level, std::string_view line) {
    lines++;
    CHECK(level >= KANTOR_LOG_ERROR && level <= KANTOR_LOG_DEBUG && !line.empty());
  });
  kantor::solve(problem, settings);
  const std::int64_t logged = lines;
  settings.on_log(KANTOR_LOG_DEBUG, [](std::int32_t, std::string_view) { throw HostError("log"); });
  bool thrown = false;
  try {
    kantor::solve(problem, settings);
  } catch (const HostError &) {
    thrown = true;
  }
  // The hook can throw only where the library logs at all.
  CHECK(thrown == (logged > 0));
}

void cancelling()
{
  const kantor::Problem problem = clouds();
  // The hook holds the running solve until the other thread has cancelled it, however the
  // threads are scheduled.
  std::atomic<bool> running{false}, cancelled{false};
  kantor::Settings settings = slow();
  settings.on_progress([&](const kantor::Progress &) {
    running = true;
    while (!cancelled) std::this_thread::yield();
    return true;
  });
  std::thread other([&] {
    while (!running) std::this_thread::yield();
    settings.cancel();
    cancelled = true;
  });
  CHECK(kantor::solve(problem, settings).status() == kantor::Status::cancelled);
  other.join();
  CHECK(kantor::solve(problem, settings).status() == kantor::Status::cancelled);
  settings.uncancel();
  kantor::Settings twin = settings.copy();
  twin.set("max_iterations", 1);
  CHECK(kantor::solve(problem, twin).status() == kantor::Status::iteration_limit);
}

void saving()
{
  const kantor::Result result = kantor::solve(small());
  const std::vector<double> plan = result.array<double>("plan").to_vector();
  std::vector<unsigned char> bytes = result.save();
  const kantor::Result loaded = kantor::Result::load(bytes);
  CHECK(loaded.solved() && loaded.array<double>("plan").to_vector() == plan);
  CHECK(loaded.save() == bytes);
  CHECK(code_of([&] { loaded.gradient("objective", "cost", {2, 3}); }) ==
        KANTOR_E_UNSUPPORTED);
  bytes.back() ^= 1;
  CHECK(code_of([&] { kantor::Result::load(bytes); }) == KANTOR_E_FORMAT);
  CHECK(code_of([] { kantor::Result::load({}); }) == KANTOR_E_FORMAT);
}

} // namespace

int main()
{
  // Whatever escapes from a test is a failure of its own.
  void (*tests[])() = {exact_answer, one_call,       errors,    ownership,  options,
                       derivatives,  progress_hooks, log_hooks, cancelling, saving};
  for (auto test : tests) {
    try {
      test();
    } catch (const std::exception &error) {
      std::printf("a test was left by an exception: %s\n", error.what());
      failures++;
    }
  }
  std::printf("C++ header: %d checks, %d failed\n", checks, failures);
  return failures != 0;
}
