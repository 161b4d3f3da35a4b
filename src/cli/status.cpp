// scalelaw status STUDY.
#include "study/status.hpp"

#include <memory>

#include "cli/cli.hpp"

namespace scalelaw::cli {

void add_status(CLI::App& app, const Globals& globals, Action& action) {
  auto folder = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("status", "what a study folder holds, what runs and what failed");
  command->add_option("study", *folder, "study folder")->required();
  command->callback([folder, &globals, &action] {
    action = [folder, &globals] {
      const StudyStatus status = study_status(*folder);
      print(globals, describe(status));
      emit_json(globals, to_json(status));
      return ExitCode::ok;
    };
  });
}

}  // namespace scalelaw::cli
