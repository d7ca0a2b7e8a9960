/* Functions of the caller as callables. Part of kantor.hpp. */
#ifndef KANTOR_FUNCTIONS_HPP
#define KANTOR_FUNCTIONS_HPP

#include "support.hpp"

#include <exception>
#include <functional>

namespace kantor {

/// Thrown by a function at a point where it is not defined; the method takes a shorter step.
struct OutsideDomain {};

/// A bundle of functions for Problem::set. Setters chain; names, shapes and meaning are those of
/// kantor_functions in kantor/functions.h. Every other exception of a function ends the solve and
/// comes out of kantor::solve.
class Functions {
public:
  using Value = std::function<double(const double *x)>;
  using Vector = std::function<void(const double *x, double *out)>;
  using ValueGradient = std::function<double(const double *x, double *gradient)>;
  using Product = std::function<void(const double *x, const double *v, double *out)>;
  using Second =
      std::function<void(const double *x, double sigma, const double *y, double *out)>;
  using SecondProduct = std::function<void(const double *x, double sigma, const double *y,
                                           const double *v, double *out)>;
  using Batch = std::function<void(const double *x, const std::int64_t *indices,
                                   std::int64_t count, double *out)>;
  using Prox = std::function<void(const double *x, double step, double *out)>;

  Functions &value(Value f) { return keep(value_, f); }
  Functions &gradient(Vector f) { return keep(gradient_, f); }
  Functions &value_gradient(ValueGradient f) { return keep(value_gradient_, f); }
  Functions &map(Vector f) { return keep(map_, f); }
  Functions &jacobian(Vector f) { return keep(jacobian_, f); }
  Functions &jacobian_product(Product f) { return keep(jacobian_product_, f); }
  Functions &jacobian_transpose_product(Product f) { return keep(transpose_product_, f); }
  Functions &hessian(Second f) { return keep(hessian_, f); }
  Functions &hessian_product(SecondProduct f) { return keep(hessian_product_, f); }
  Functions &batch_value(Batch f) { return keep(batch_value_, f); }
  Functions &batch_gradient(Batch f) { return keep(batch_gradient_, f); }
  Functions &batch_map(Batch f) { return keep(batch_map_, f); }
  Functions &prox(Prox f) { return keep(prox_, f); }

private:
  friend class Problem;

  Value value_;
  Vector gradient_, map_, jacobian_;
  ValueGradient value_gradient_;
  Product jacobian_product_, transpose_product_;
  Second hessian_;
  SecondProduct hessian_product_;
  Batch batch_value_, batch_gradient_, batch_map_;
  Prox prox_;

  template <class F>
  Functions &keep(F &member, F &given)
  {
    member = std::move(given);
    return *this;
  }

  /// Runs a callable; what it throws becomes a code, and comes out of the solve of this thread.
  template <class Call>
  static std::int32_t guard(Call call) noexcept
  {
    detail::Solve *solve = detail::current_solve();
    if (solve != nullptr && solve->thrown) return -1;
    try {
      call();
      return 0;
    } catch (const OutsideDomain &) {
      return 1;
    } catch (...) {
      if (solve != nullptr) solve->thrown = std::current_exception();
      return -1;
    }
  }

  static const Functions &of(void *user) noexcept { return *static_cast<const Functions *>(user); }

  template <Vector Functions::*member>
  static std::int32_t vector(const double *x, double *out, void *user)
  {
    return guard([&] { (of(user).*member)(x, out); });
  }
  template <Product Functions::*member>
  static std::int32_t product(const double *x, const double *v, double *out, void *user)
  {
    return guard([&] { (of(user).*member)(x, v, out); });
  }
  template <Batch Functions::*member>
  static std::int32_t batch(const double *x, const std::int64_t *indices, std::int64_t count,
                            double *out, void *user)
  {
    return guard([&] { (of(user).*member)(x, indices, count, out); });
  }

  /// The C struct, whose user is this object.
  kantor_functions bundle()
  {
    kantor_functions c = kantor_functions_make(this);
    if (value_)
      c.value = [](const double *x, double *value, void *user) {
        return guard([&] { *value = of(user).value_(x); });
      };
    if (value_gradient_)
      c.value_gradient = [](const double *x, double *value, double *gradient, void *user) {
        return guard([&] { *value = of(user).value_gradient_(x, gradient); });
      };
    if (gradient_) c.gradient = vector<&Functions::gradient_>;
    if (map_) c.map = vector<&Functions::map_>;
    if (jacobian_) c.jacobian = vector<&Functions::jacobian_>;
    if (jacobian_product_) c.jacobian_product = product<&Functions::jacobian_product_>;
    if (transpose_product_)
      c.jacobian_transpose_product = product<&Functions::transpose_product_>;
    if (hessian_)
      c.hessian = [](const double *x, double sigma, const double *y, double *out, void *user) {
        return guard([&] { of(user).hessian_(x, sigma, y, out); });
      };
    if (hessian_product_)
      c.hessian_product = [](const double *x, double sigma, const double *y, const double *v,
                             double *out, void *user) {
        return guard([&] { of(user).hessian_product_(x, sigma, y, v, out); });
      };
    if (batch_value_) c.batch_value = batch<&Functions::batch_value_>;
    if (batch_gradient_) c.batch_gradient = batch<&Functions::batch_gradient_>;
    if (batch_map_) c.batch_map = batch<&Functions::batch_map_>;
    if (prox_)
      c.prox = [](const double *x, double step, double *out, void *user) {
        return guard([&] { of(user).prox_(x, step, out); });
      };
    return c;
  }
};

} // namespace kantor

#endif
