/* Problems. Part of kantor.hpp. */
#ifndef KANTOR_PROBLEM_HPP
#define KANTOR_PROBLEM_HPP

#include "functions.hpp"
#include "support.hpp"

#include <vector>

namespace kantor {

/// Data of one kind. Setters chain; a solve seals it, copy() makes a twin that can be changed.
class Problem {
public:
  explicit Problem(const char *kind)
      : handle_(detail::make<detail::ProblemHandle>(
            [&](kantor_problem **out) { return kantor_problem_create(kind, out); }))
  {
  }
  /// Takes over a handle of the C interface.
  explicit Problem(kantor_problem *handle) noexcept : handle_(handle) {}

  kantor_problem *handle() const noexcept { return handle_.get(); }

  Problem copy() const
  {
    return Problem(detail::make<detail::ProblemHandle>([&](kantor_problem **out) {
                     return kantor_problem_copy(handle(), out);
                   }).release());
  }

  /// Sets a number or a word.
  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
  Problem &set(const char *name, T value)
  {
    if constexpr (std::is_floating_point_v<T>)
      detail::check(kantor_problem_set_real(handle(), name, static_cast<double>(value)));
    else
      detail::check(kantor_problem_set_int(handle(), name, static_cast<std::int64_t>(value)));
    return *this;
  }
  Problem &set(const char *name, const char *text)
  {
    detail::check(kantor_problem_set_text(handle(), name, text));
    return *this;
  }
  Problem &set(const char *name, const std::string &text) { return set(name, text.c_str()); }

  /// Sets an array; the values are copied.
  template <class T>
  Problem &set(const char *name, const std::vector<T> &values)
  {
    return set(name, values.data(), {static_cast<std::int64_t>(values.size())});
  }
  /// Sets a contiguous row-major array of the given shape; the values are copied.
  template <class T>
  Problem &set(const char *name, const T *data, Shape shape)
  {
    return set(name, detail::array_of(data, shape));
  }
  /// Sets an array with strides; the values are copied.
  Problem &set(const char *name, const kantor_array &array)
  {
    detail::check(
        kantor_problem_set_array(handle(), name, &array, KANTOR_COPY, nullptr, nullptr));
    return *this;
  }

  /// Sets an array without copying it. The library keeps `owner` alive as long as it reads the
  /// values, which must not change meanwhile; an empty owner means that they outlive everything.
  template <class T>
  Problem &borrow(const char *name, const T *data, Shape shape,
                  std::shared_ptr<const void> owner = nullptr)
  {
    kantor_array array = detail::array_of(data, shape);
    auto *kept = new std::shared_ptr<const void>(std::move(owner));
    kantor_release_fn release = [](void *pointer) {
      delete static_cast<std::shared_ptr<const void> *>(pointer);
    };
    // The release function is called in any case, so `kept` is never ours to delete.
    detail::check(kantor_problem_set_array(handle(), name, &array, KANTOR_BORROW, release, kept));
    return *this;
  }

  /// Sets a bundle of functions; a copy of it lives as long as the library needs it.
  Problem &set(const char *name, const Functions &functions)
  {
    auto *kept = new Functions(functions);
    const kantor_functions bundle = kept->bundle();
    kantor_release_fn release = [](void *pointer) { delete static_cast<Functions *>(pointer); };
    // The release function is called in any case, so `kept` is never ours to delete.
    detail::check(kantor_problem_set_functions(handle(), name, &bundle, release, kept));
    return *this;
  }

  /// Validates the data and ends the setting of fields; a solve does it too.
  Problem &seal()
  {
    detail::check(kantor_problem_seal(handle()));
    return *this;
  }

private:
  detail::ProblemHandle handle_;
};

} // namespace kantor

#endif
