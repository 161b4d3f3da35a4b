// scalelaw laws: the published sets of constants and the laws that can be fitted.
#include "law/laws.hpp"
#include "cli/cli.hpp"
#include "core/format.hpp"
#include "law/optimum.hpp"
#include "law/published.hpp"

namespace scalelaw::cli {
namespace {

ExitCode list_laws(const Globals& globals) {
  Json sets = Json::array();
  std::string text;
  for (const Law& law : published_laws()) {
    const LawForm& info = law_form(law.kind);
    Json params = Json::object();
    std::string constants;
    for (std::size_t k = 0; k < law.values.size(); ++k) {
      params[info.parameters[k]] = law.values[k];
      constants += fmt::format("{}{} = {:.6g}", k == 0 ? "" : ", ", info.parameters[k], law.values[k]);
    }
    Json item = {{"name", law.name},         {"law", info.name},     {"formula", info.formula},
                 {"params", params},         {"source", law.source}, {"convention", to_json_fields(law.convention)},
                 {"derived", Json::object()}};
    text += fmt::format("{}\n  {}: {}\n  {}\n", law.name, info.name, info.formula, constants);
    if (const auto exponents = allocation_exponents(law)) {
      item["derived"] = {{"a", exponents->a}, {"b", exponents->b}};
      text += fmt::format("  N* ~ C^{:.4f}, D* ~ C^{:.4f}\n", exponents->a, exponents->b);
    }
    text += fmt::format("  N {}, C {}; {}\n", law.convention.params, law.convention.flops, law.source);
    sets.push_back(item);
  }
  print(globals, text);
  emit_json(globals, {{"schema", "scalelaw.laws/1"}, {"laws", sets}});
  return ExitCode::ok;
}

}  // namespace

void add_laws(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("laws", "list published scaling laws with their constants and sources");
  command->callback([&globals, &action] { action = [&globals] { return list_laws(globals); }; });
}

}  // namespace scalelaw::cli
