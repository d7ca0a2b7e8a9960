/* Errors, statuses, and what the handle classes share. Part of kantor.hpp. */
#ifndef KANTOR_SUPPORT_HPP
#define KANTOR_SUPPORT_HPP

#include "kantor.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace kantor {

/// A call failed. what() is the library's text, code() one of KANTOR_E_... .
class Error : public std::runtime_error {
public:
  Error(std::int32_t code, const std::string &text) : std::runtime_error(text), code_(code) {}

  std::int32_t code() const noexcept { return code_; }
  /// The name of the code, such as "range".
  const char *name() const noexcept { return kantor_code_name(code_); }

private:
  std::int32_t code_;
};

/// What is known about a result.
enum class Status : std::int32_t {
  solved = KANTOR_SOLVED,
  solved_inaccurate = KANTOR_SOLVED_INACCURATE,
  infeasible = KANTOR_INFEASIBLE,
  unbounded = KANTOR_UNBOUNDED,
  stalled = KANTOR_STALLED,
  iteration_limit = KANTOR_ITERATION_LIMIT,
  time_limit = KANTOR_TIME_LIMIT,
  cancelled = KANTOR_CANCELLED,
  callback_error = KANTOR_CALLBACK_ERROR,
  numerical_error = KANTOR_NUMERICAL_ERROR,
  locally_infeasible = KANTOR_LOCALLY_INFEASIBLE,
  evaluation_limit = KANTOR_EVALUATION_LIMIT,
  stopped_by_callback = KANTOR_STOPPED_BY_CALLBACK
};

/// The name of a status, such as "solved".
inline const char *name(Status status) noexcept
{
  return kantor_code_name(static_cast<std::int32_t>(status));
}

using Progress = kantor_progress;
using Shape = std::initializer_list<std::int64_t>;

namespace detail {

/// Throws what a call reports; passes counts and statuses (positive) on.
template <class Code>
inline Code check(Code code)
{
  if (code < 0) throw Error(static_cast<std::int32_t>(code), kantor_last_error());
  return code;
}

template <class T>
struct ElementType;
template <>
struct ElementType<double> : std::integral_constant<std::int32_t, KANTOR_F64> {};
template <>
struct ElementType<float> : std::integral_constant<std::int32_t, KANTOR_F32> {};
template <>
struct ElementType<std::int64_t> : std::integral_constant<std::int32_t, KANTOR_I64> {};
template <>
struct ElementType<std::int32_t> : std::integral_constant<std::int32_t, KANTOR_I32> {};
template <>
struct ElementType<std::uint8_t> : std::integral_constant<std::int32_t, KANTOR_U8> {};

/// The view of a contiguous row-major array.
template <class T>
inline kantor_array array_of(const T *data, Shape shape)
{
  if (shape.size() > 4) throw Error(KANTOR_E_SHAPE, "an array has at most four dimensions");
  kantor_array array = kantor_array_make(ElementType<T>::value, data, 0, 1, 1);
  array.ndim = static_cast<std::int32_t>(shape.size());
  std::size_t k = 0;
  for (std::int64_t extent : shape) array.shape[k++] = extent;
  std::int64_t stride = 1;
  while (k-- > 0) {
    const std::int64_t extent = array.shape[k] > 0 ? array.shape[k] : 1;
    if (stride > std::numeric_limits<std::int64_t>::max() / extent)
      throw Error(KANTOR_E_TOO_LARGE, "the extents of an array multiply beyond 64 bits");
    array.stride[k] = stride;
    stride *= extent;
  }
  return array;
}

/// What a hook or a function threw during the solve that runs on this thread. Solves may be nested.
struct Solve {
  std::exception_ptr thrown;
};
inline Solve *&current_solve() noexcept
{
  thread_local Solve *current = nullptr;
  return current;
}

/// Owns a C handle and frees it.
template <class Handle, void (*release)(Handle *)>
struct Free {
  void operator()(Handle *handle) const noexcept { release(handle); }
};
using ProblemHandle = std::unique_ptr<kantor_problem, Free<kantor_problem, kantor_problem_free>>;
using SettingsHandle =
    std::unique_ptr<kantor_settings, Free<kantor_settings, kantor_settings_free>>;
using ResultHandle = std::unique_ptr<kantor_result, Free<kantor_result, kantor_result_free>>;

/// Takes over the handle that a create function makes.
template <class Owner, class Create>
inline Owner make(Create create)
{
  typename Owner::pointer handle = nullptr;
  check(create(&handle));
  return Owner(handle);
}

/// Reads a text of unknown length with a C getter.
template <class Get>
inline std::string text_of(Get get)
{
  std::string text(256, '\0');
  for (;;) {
    std::int32_t code = get(&text[0], static_cast<std::int64_t>(text.size()));
    if (code != KANTOR_E_BUFFER) {
      check(code);
      text.resize(std::string_view(text.c_str()).size());
      return text;
    }
    text.resize(2 * text.size());
  }
}

} // namespace detail

} // namespace kantor

#endif
