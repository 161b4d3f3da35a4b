#include "design/config.hpp"

#include <algorithm>

#include <fmt/ranges.h>

#include "core/format.hpp"
#include "law/form.hpp"
#include "law/published.hpp"
#include "records/shape.hpp"

namespace scalelaw::inline design {
namespace {

template <class T>
void need(const std::vector<T>& list, const char* key, const char* why, const Source& source) {
  if (list.empty()) source.fail(key, fmt::format("is empty; {}", why));
}

void check_widths(const StudyConfig& c, const Source& source) {
  const auto check = [&](std::int64_t d_model, const std::string& key) {
    if (c.model.spec.d_head == 0 && d_model % 2 != 0) {
      source.fail(key, fmt::format("is {}; it must be even, as the width of a head is", d_model));
    }
    if (c.model.spec.d_head != 0 && d_model % c.model.spec.d_head != 0) {
      source.fail(key, fmt::format("is {}; it must be a multiple of model.d_head, {}", d_model, c.model.spec.d_head));
    }
  };
  for (std::size_t i = 0; i < c.design.widths.size(); ++i)
    check(c.design.widths[i], fmt::format("design.widths[{}]", i));
  for (std::size_t i = 0; i < c.design.shapes.size(); ++i) {
    if (c.design.shapes[i].d_model == 0 || c.design.shapes[i].n_layer == 0) {
      source.fail(fmt::format("design.shapes[{}]", i), "needs both d_model and n_layer");
    }
    check(c.design.shapes[i].d_model, fmt::format("design.shapes[{}].d_model", i));
  }
}

void check_micro_tokens(const StudyConfig& c, const Source& source) {
  const std::int64_t micro = c.training.trainer.micro_tokens;
  if (micro % c.model.spec.context != 0) {
    source.fail("training.micro_tokens",
                fmt::format("is {}; it must be a multiple of model.context, {}", micro, c.model.spec.context));
  }
  if (micro != 0 && c.design.batch_coefficient == 0 && c.design.batch_tokens % micro != 0) {
    source.fail("training.micro_tokens",
                fmt::format("is {}; it must divide design.batch_tokens, {}", micro, c.design.batch_tokens));
  }
}

void check_learning_rates(const StudyConfig& c, const Source& source) {
  need(c.design.learning_rates, "design.learning_rates", "at least one rate is needed", source);
  need(c.design.lr_transfer_factors, "design.lr_transfer_factors", "[1] takes the law's rate alone", source);
  if (c.design.lr_transfer_checks > 0 && c.design.lr_transfer_above == 0) {
    source.fail(
        "design.lr_transfer_checks",
        fmt::format("is {}, but design.lr_transfer_above is 0: all shapes are swept", c.design.lr_transfer_checks));
  }
}

// A held budget must be one that is run, and something must be left to fit.
void check_hold(const StudyConfig& c, const Source& source) {
  const DesignConfig& d = c.design;
  if (d.hold.empty()) return;
  if (d.kind != DesignKind::isoflop) source.fail("design.hold", "is for isoflop designs: a grid has no budgets");
  std::vector<std::string> budgets;
  for (const double budget : d.budgets) budgets.push_back(fmt::format("{:g}", budget));
  for (std::size_t i = 0; i < d.hold.size(); ++i) {
    if (std::ranges::none_of(d.budgets, [&](double budget) { return same_budget(d.hold[i], budget); })) {
      source.fail(fmt::format("design.hold[{}]", i),
                  fmt::format("is {:g}, which is none of design.budgets, {}", d.hold[i], fmt::join(budgets, ", ")));
    }
  }
  const auto held = [&](double budget) {
    return std::ranges::any_of(d.hold, [&](double hold) { return same_budget(hold, budget); });
  };
  if (std::ranges::all_of(d.budgets, held)) {
    source.fail("design.hold", "holds all of design.budgets: no run is left to fit");
  }
}

void check_config(const StudyConfig& c, const Source& source) {
  if (c.name.empty() || c.name.find('/') != std::string::npos || c.name.starts_with('.')) {
    source.fail("name", fmt::format("is \"{}\"; it names a folder, so it must not be empty, hold '/' or start with '.'",
                                    c.name));
  }
  if (c.model.spec.d_head % 2 != 0) source.fail("model.d_head", "must be even: rotary positions turn pairs");
  if (const std::string why = parametrization_refusal(c.model.spec); !why.empty()) {
    source.fail("model.parametrization", why);
  }
  if (c.design.kind == DesignKind::isoflop) {
    need(c.design.budgets, "design.budgets", "an isoflop design needs budgets = [FLOPs, ...]", source);
  } else {
    if (c.design.shapes.empty()) {
      need(c.design.widths, "design.widths", "a grid needs widths = [d_model, ...], or shapes", source);
      need(c.design.depths, "design.depths", "a grid needs depths = [n_layer, ...], or shapes", source);
    }
    need(c.design.tokens, "design.tokens", "a grid needs tokens = [tokens, ...]", source);
  }
  check_hold(c, source);
  check_learning_rates(c, source);
  need(c.design.seeds, "design.seeds", "at least one seed is needed", source);
  if (!source.earlier && !c.compare.law.empty() && find_published_law(c.compare.law) == nullptr) {
    source.fail(
        "compare.law",
        fmt::format("is \"{}\", which is no published set of constants; `scalelaw laws` lists them", c.compare.law));
  }
  if (!source.earlier && law_form(c.analysis.law).predicts_size) {
    source.fail("analysis.law", fmt::format("is {}, which is fitted to compute-optimal models, and a study has runs of "
                                            "every kind; give a law of the loss, as chinchilla",
                                            c.analysis.law));
  }
  check_widths(c, source);
  if (c.design.batch_tokens % c.model.spec.context != 0) {
    source.fail("design.batch_tokens", fmt::format("is {}; it must be a multiple of model.context, {}",
                                                   c.design.batch_tokens, c.model.spec.context));
  }
  check_micro_tokens(c, source);
  if (c.design.batch_coefficient > 0 && c.design.batch_max_tokens < c.design.batch_tokens) {
    source.fail("design.batch_max_tokens",
                fmt::format("is {}, below batch_tokens, {}", c.design.batch_max_tokens, c.design.batch_tokens));
  }
  if (c.design.branch_checks > 0 && c.schedule.kind != ScheduleKind::trunk_cooldown) {
    source.fail("design.branch_checks", fmt::format("is {}, but schedule \"{}\" has no branches to check",
                                                    c.design.branch_checks, c.schedule.kind));
  }
  if (c.design.aspect_min > c.design.aspect_max) {
    source.fail("design.aspect_min",
                fmt::format("is {}, above aspect_max, {}", c.design.aspect_min, c.design.aspect_max));
  }
  if (c.backend.kind == BackendKind::command) {
    need(c.backend.command, "backend.command", "kind \"command\" needs command = [\"program\", \"{job}\", \"{out}\"]",
         source);
  }
  if (c.schedule.kind == ScheduleKind::trunk_cooldown && c.optimizer.warmup + c.schedule.cooldown_fraction > 1) {
    source.fail("optimizer.warmup", fmt::format("is {}; with schedule.cooldown_fraction {} it exceeds the whole run",
                                                c.optimizer.warmup, c.schedule.cooldown_fraction));
  }
}

/// Visitor that lists leaf keys with their defaults.
struct Lister {
  std::string parent;
  std::string* out;

  template <class T>
  void operator()(const char* key, const T& value, const Rule& rule, const char* help) {
    const std::string name = detail::join_key(parent, key);
    if constexpr (std::is_same_v<T, bool>) {
      row(name, "true or false", value, rule, help);
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
      row(name, "whole number", value, rule, help);
    } else if constexpr (std::is_same_v<T, double>) {
      row(name, "number", value, rule, help);
    } else if constexpr (std::is_same_v<T, std::string> || Named<T> || detail::OptionalName<T>) {
      row(name, "string", value, rule, help);
    } else if constexpr (detail::IsNumberOr<T>::value) {
      row(name, "number or string", value, rule, help);
    } else if constexpr (std::is_same_v<T, std::map<std::string, double>>) {
      row(name, "table of numbers", value, rule, help);
    } else if constexpr (std::is_same_v<T, std::vector<ShapeConfig>>) {
      row(name, "list of { d_model, n_layer }", value, rule, help);
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      row(name, "list of strings", value, rule, help);
    } else if constexpr (std::is_same_v<T, std::vector<double>>) {
      row(name, "list of numbers", value, rule, help);
    } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
      row(name, "list of whole numbers", value, rule, help);
    } else {
      Lister nested{name, out};
      fields(nested, value);
    }
  }

  template <class T>
  void row(const std::string& name, const char* type, const T& value, const Rule& rule, const char* help) {
    std::string range = describe(rule);
    for (std::size_t at = 0; (at = range.find('|', at)) != std::string::npos; at += 2) range.replace(at, 1, "\\|");
    *out += fmt::format("| `{}` | {} | `{}` | {} | {} |\n", name, type,
                        canonical_json(detail::field_to_json(value, rule)), range, help);
  }
};

StudyConfig config_of(const std::filesystem::path& path, const ConfigText& text, StudyConfig config) {
  config.name = path.stem().string();
  read_fields(text.values, config, text.source);
  check_config(config, text.source);
  return config;
}

/// What a study.toml means that was written before these keys were.
StudyConfig family_of_before() {
  StudyConfig before;
  before.model.spec = {.d_head = 0};
  return before;
}

}  // namespace

StudyConfig read_study_config(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  const bool kept = path.filename() == "study.toml" && std::filesystem::is_directory(path.parent_path() / "runs");
  return config_of(path, read_config(path, overrides), kept ? family_of_before() : StudyConfig{});
}

StudyConfig read_kept_config(const std::filesystem::path& path) {
  ConfigText text = read_config(path);
  text.source.earlier = true;
  return config_of(path, text, family_of_before());
}

ModelSpec model_spec(const ModelConfig& model, const ShapeConfig& shape) {
  ModelSpec spec = model.spec;
  spec.d_model = shape.d_model;
  spec.n_layer = shape.n_layer;
  if (spec.d_head == 0) spec.d_head = default_d_head(shape.d_model);
  spec.n_head = shape.d_model / spec.d_head;
  spec.d_ff = model.mlp_ratio * shape.d_model;
  check_shape(spec, fmt::format("shape d{} L{}", shape.d_model, shape.n_layer));
  return spec;
}

std::string config_reference() {
  std::string out = "| key | type | default | range | meaning |\n| --- | --- | --- | --- | --- |\n";
  const StudyConfig defaults;
  Lister lister{"", &out};
  fields(lister, defaults);
  return out;
}

}  // namespace scalelaw::inline design
