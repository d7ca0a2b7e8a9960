/* Settings and hooks. Part of kantor.hpp. */
#ifndef KANTOR_SETTINGS_HPP
#define KANTOR_SETTINGS_HPP

#include "problem.hpp"
#include "result.hpp"
#include "support.hpp"

#include <exception>
#include <functional>

namespace kantor {

namespace detail {

/// The callables behind the C hooks of one Settings. Never changed once a solve may see it.
struct Hooks {
  std::function<bool(const Progress &)> progress;
  std::function<void(std::int32_t, std::string_view)> log;

  // Also stops a solve whose log hook threw, since that one cannot answer.
  static std::int32_t on_progress(const kantor_progress *progress, void *user) noexcept
  {
    Solve *solve = current_solve();
    if (solve != nullptr && solve->thrown) return -1;
    const auto &call = static_cast<const Hooks *>(user)->progress;
    if (!call) return 0;
    try {
      return call(*progress) ? 0 : 1;
    } catch (...) {
      if (solve != nullptr) solve->thrown = std::current_exception();
      return -1;
    }
  }

  static void on_log(std::int32_t level, const char *utf8, std::int64_t length,
                     void *user) noexcept
  {
    Solve *solve = current_solve();
    if (solve != nullptr && solve->thrown) return;
    try {
      const auto &call = static_cast<const Hooks *>(user)->log;
      if (call) call(level, std::string_view(utf8, static_cast<std::size_t>(length)));
    } catch (...) {
      if (solve != nullptr) solve->thrown = std::current_exception();
    }
  }
};

} // namespace detail

/// Options by name, hooks, warm start, cancel. Setters chain.
class Settings {
public:
  /// Made for a method, so that a bad option name fails where it is set; without one it holds the
  /// common options, for any method.
  explicit Settings(const char *method = nullptr)
      : handle_(detail::make<detail::SettingsHandle>(
            [&](kantor_settings **out) { return kantor_settings_create(method, out); }))
  {
  }

  kantor_settings *handle() const noexcept { return handle_.get(); }

  /// The same options, hooks and warm start, with a cancel flag of its own.
  Settings copy() const
  {
    return Settings(detail::make<detail::SettingsHandle>([&](kantor_settings **out) {
                      return kantor_settings_copy(handle(), out);
                    }),
                    hooks_, log_level_);
  }

  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
  Settings &set(const char *name, T value)
  {
    if constexpr (std::is_same_v<T, bool>)
      detail::check(kantor_settings_set_flag(handle(), name, value ? 1 : 0));
    else if constexpr (std::is_floating_point_v<T>)
      detail::check(kantor_settings_set_real(handle(), name, static_cast<double>(value)));
    else
      detail::check(kantor_settings_set_int(handle(), name, static_cast<std::int64_t>(value)));
    return *this;
  }
  Settings &set(const char *name, const char *text)
  {
    detail::check(kantor_settings_set_text(handle(), name, text));
    return *this;
  }
  Settings &set(const char *name, const std::string &text) { return set(name, text.c_str()); }

  /// Sets an option of any type from its text, such as "1e-6" or "true".
  Settings &parse(const char *name, const std::string &text)
  {
    detail::check(kantor_settings_set_parse(handle(), name, text.c_str()));
    return *this;
  }

  double real(const char *name) const
  {
    double value = 0;
    detail::check(kantor_settings_get_real(handle(), name, &value));
    return value;
  }
  std::int64_t integer(const char *name) const
  {
    std::int64_t value = 0;
    detail::check(kantor_settings_get_int(handle(), name, &value));
    return value;
  }
  bool flag(const char *name) const { return integer(name) != 0; }
  std::string text(const char *name) const
  {
    return detail::text_of([&](char *text, std::int64_t capacity) {
      return kantor_settings_get_text(handle(), name, text, capacity);
    });
  }

  /// Back to the default: one option, or all.
  Settings &reset(const char *name = nullptr)
  {
    detail::check(kantor_settings_reset(handle(), name));
    return *this;
  }

  /// Called after each iteration and from long ones now and then; false stops the solve.
  Settings &on_progress(std::function<bool(const Progress &)> progress)
  {
    auto hooks = hooks_ ? std::make_shared<detail::Hooks>(*hooks_)
                        : std::make_shared<detail::Hooks>();
    hooks->progress = std::move(progress);
    install(std::move(hooks));
    return *this;
  }

  /// Gets one line of UTF-8 at a time, of this level and those below it.
  Settings &on_log(std::int32_t level, std::function<void(std::int32_t, std::string_view)> log)
  {
    // The level first: if it is refused, nothing has changed.
    if (level < KANTOR_LOG_ERROR || level > KANTOR_LOG_DEBUG)
      throw Error(KANTOR_E_RANGE, "the log level is " + std::to_string(level) + "; 1 to 4");
    auto hooks = hooks_ ? std::make_shared<detail::Hooks>(*hooks_)
                        : std::make_shared<detail::Hooks>();
    hooks->log = std::move(log);
    log_level_ = level;
    install(std::move(hooks));
    return *this;
  }

  /// Later solves start from a result, also one of another method.
  Settings &warm_start(const Result &result)
  {
    detail::check(kantor_settings_warm_start(handle(), result.handle()));
    return *this;
  }
  Settings &cold_start()
  {
    detail::check(kantor_settings_warm_start(handle(), nullptr));
    return *this;
  }
  /// Later solves start from these values of a result field.
  Settings &start(const char *name, const std::vector<double> &values)
  {
    kantor_array array = kantor_vector(values.data(), static_cast<std::int64_t>(values.size()));
    detail::check(kantor_settings_set_start(handle(), name, &array));
    return *this;
  }

  /// Asks every solve with these settings to stop; from any thread.
  void cancel() const { detail::check(kantor_settings_cancel(handle())); }
  void uncancel() const { detail::check(kantor_settings_uncancel(handle())); }

private:
  friend Result solve(const Problem &, const char *, const Settings *);

  Settings(detail::SettingsHandle handle, std::shared_ptr<detail::Hooks> hooks,
           std::int32_t log_level)
      : hooks_(std::move(hooks)), log_level_(log_level), handle_(std::move(handle))
  {
  }

  void install(std::shared_ptr<detail::Hooks> hooks)
  {
    // Once the first call has found the handle alive, the others cannot fail.
    void *user = hooks.get();
    detail::check(kantor_settings_set_progress(handle(), detail::Hooks::on_progress, user));
    if (hooks->log)
      detail::check(kantor_settings_set_log(handle(), log_level_, detail::Hooks::on_log, user));
    else
      detail::check(kantor_settings_set_log(handle(), log_level_, nullptr, nullptr));
    hooks_ = std::move(hooks);
  }

  // Declared before the handle, so that the C settings go first.
  std::shared_ptr<detail::Hooks> hooks_;
  std::int32_t log_level_ = KANTOR_LOG_INFO;
  detail::SettingsHandle handle_;
};

} // namespace kantor

#endif
