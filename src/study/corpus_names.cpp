#include "study/corpus_names.hpp"

#include <algorithm>

#include "core/json.hpp"
#include "os/error.hpp"
#include "study/store.hpp"

namespace scalelaw::inline study {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRestriction = "corpus=";

/// A JSON file, or null where there is none that can be read.
Json json_or_null(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return nullptr;
  try {
    return read_json_file(file);
  } catch (const Error&) {
    return nullptr;
  }
}

/// What lies in a folder; nothing of one that is not there, or no longer.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator it(folder, error); !error && it != fs::directory_iterator(); it.increment(error)) {
    out.push_back(it->path());
  }
  std::ranges::sort(out);
  return out;
}

std::string text_at(const Json& object, const char* key) {
  const auto it = object.is_object() ? object.find(key) : object.end();
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

void add_name(CorpusNames& names, const std::string& hash, const std::string& name) {
  if (hash.empty() || name.empty()) return;
  std::vector<std::string>& own = names[hash];
  if (std::ranges::find(own, name) == own.end()) own.push_back(name);
}

/// The last part of a path, the path as it is written, in its plain form and from the root.
void add_path(CorpusNames& names, const std::string& hash, const std::string& path) {
  if (path.empty()) return;
  std::string plain = fs::path(path).lexically_normal().string();
  while (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
  std::error_code error;
  add_name(names, hash, fs::path(plain).filename().string());
  for (const std::string& form : {path, plain, fs::absolute(plain, error).string()}) add_name(names, hash, form);
}

/// Those of a corpus folder, if it is one.
void add_folder(CorpusNames& names, const fs::path& folder) {
  const Json manifest = json_or_null(folder / "manifest.json");
  const std::string hash = text_at(manifest, "sha256");
  if (hash.empty()) return;
  add_path(names, hash, folder.string());
  add_name(names, hash, text_at(manifest, "name"));
  for (const Json& input : manifest.value("inputs", Json::array())) {
    const std::string path = text_at(input, "path");
    add_path(names, hash, path);
    add_name(names, hash, fs::path(path).stem().string());
  }
}

/// What the jobs of a study say: the folder of the corpus, and its hash in their runs.
void add_jobs(CorpusNames& names, const fs::path& study) {
  for (const fs::path& folder : entries_of(study / "jobs")) {
    const Json job = json_or_null(folder / "job.json");
    const auto runs = job.is_object() ? job.find("runs") : job.end();
    if (runs == job.end() || !runs->is_array() || runs->empty()) continue;
    const Json& run = runs->front();
    if (!run.is_object() || !run.contains("data")) continue;
    add_path(names, text_at(run["data"], "corpus_sha256"), text_at(job, "corpus"));
  }
}

void add_study_names(CorpusNames& names, const fs::path& study) {
  std::error_code error;
  if (fs::exists(config_path(study), error)) {
    try {
      const CorpusConfig corpus = load_study_config(study).corpus;
      add_path(names, corpus.sha256, corpus.path);
      add_folder(names, corpus.path);
      const fs::path beside = fs::path(corpus.path).parent_path();
      for (const fs::path& folder : entries_of(beside.empty() ? "." : beside)) add_folder(names, folder);
    } catch (const Error&) {  // the jobs may say it
    }
  }
  add_jobs(names, study);
}

}  // namespace

CorpusNames corpus_names(const std::vector<fs::path>& folders, const std::vector<std::string>& where) {
  CorpusNames names;
  const bool asked = std::ranges::any_of(where, [](const std::string& item) { return item.starts_with(kRestriction); });
  if (!asked) return names;
  for (const fs::path& folder : folders) add_study_names(names, folder);
  for (const std::string& item : where) {
    if (item.starts_with(kRestriction)) add_folder(names, item.substr(kRestriction.size()));
  }
  return names;
}

}  // namespace scalelaw::inline study
