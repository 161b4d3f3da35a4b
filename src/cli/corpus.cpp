// scalelaw corpus build | synth | info
#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <memory>

#include "cli/cli.hpp"
#include "cli/named_option.hpp"
#include "core/format.hpp"
#include "corpus/build.hpp"
#include "corpus/corpus.hpp"
#include "corpus/synth.hpp"

namespace scalelaw::cli {
namespace {

volatile sig_atomic_t stop_requested = 0;  // the only thing a signal handler may touch

/// Ctrl-C is held back until it is asked for (interrupted) or a wait for input lets it in (corpus/input.cpp): one that
/// came just before such a wait would otherwise be overlooked until more input comes.
void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { stop_requested = 1; };
  sigset_t held;
  sigemptyset(&held);
  for (const int signal : {SIGINT, SIGTERM}) {
    ::sigaction(signal, &action, nullptr);
    sigaddset(&held, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &held, nullptr);
}

bool interrupted() {
  sigset_t pending;
  sigemptyset(&pending);
  ::sigpending(&pending);
  return stop_requested != 0 || sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1;
}

/// Shows on a terminal how far a build is, and ends it after Ctrl-C.
class BuildProgress {
 public:
  BuildProgress(const Globals& globals, const char* unit)
      : unit_(unit), shown_(!globals.quiet && ::isatty(STDERR_FILENO) == 1) {
    catch_interrupts();
  }
  void operator()(std::int64_t done) {
    if (interrupted())
      throw Error(ExitCode::interrupted, "interrupted; nothing was kept, the same command starts again");
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || now - last_ < std::chrono::milliseconds(500)) return;
    last_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const auto count = static_cast<double>(done);
    fmt::print(stderr, "\r{} {}, {}/s \x1b[K", short_count(count), unit_, short_count(count / std::max(seconds, 1e-3)));
    drawn_ = true;
  }
  void clear() const {
    if (drawn_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  const char* unit_;
  bool shown_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), last_ = start_;
};

std::string nats(double x) { return fmt::format("{:.4f} nats ({:.4f} bits)", x, x / std::log(2.0)); }

std::string manifest_table(const Manifest& m, const std::string& folder) {
  std::vector<std::vector<std::string>> rows = {
      {"folder", folder},
      {"sha256", m.sha256},
      {"tokens", fmt::format("{}, vocab {}", m.tokenizer.kind, m.tokenizer.vocab)},
      {"train", fmt::format("{} tokens in {} documents", m.splits.train.tokens, m.splits.train.documents)},
      {"validation",
       fmt::format("{} tokens in {} documents", m.splits.validation.tokens, m.splits.validation.documents)},
      {"documents", std::string(name_of(m.documents.kind))},
      {"unigram entropy", nats(m.entropy_nats.unigram)},
      {"bigram entropy", nats(m.entropy_nats.bigram)}};
  if (m.documents.empty > 0) rows.push_back({"empty documents", fmt::format("{} left out", m.documents.empty)});
  if (m.documents.cut > 0) rows.push_back({"long documents", fmt::format("{} cuts", m.documents.cut)});
  if (m.entropy_rate_nats) rows.push_back({"entropy rate", nats(*m.entropy_rate_nats) + ", exact"});
  for (const auto& [key, value] : m.generator.params)
    rows.push_back({fmt::format("{} {}", m.generator.kind, key), exact_number(value)});
  constexpr std::size_t kInputsShown = 5;
  for (std::size_t i = 0; i < m.inputs.size() && i < kInputsShown; ++i) {
    rows.push_back({"input", fmt::format("{}, {} bytes", m.inputs[i].path, m.inputs[i].bytes)});
  }
  if (m.inputs.size() > kInputsShown)
    rows.push_back({"input", fmt::format("and {} more", m.inputs.size() - kInputsShown)});
  rows.push_back({"created", fmt::format("{} by scalelaw {}", m.created, m.version)});
  std::size_t width = 0;
  for (const auto& row : rows) width = std::max(width, row[0].size());
  std::string out = m.name + "\n";
  for (const auto& row : rows) out += fmt::format("  {:<{}}  {}\n", row[0], width, row[1]);
  return out;
}

template <class Build>
ExitCode build(const Globals& globals, const char* unit, const std::string& out, const Build& make) {
  BuildProgress progress(globals, unit);
  Manifest manifest;
  try {
    manifest = make([&progress](std::int64_t done) { progress(done); });
  } catch (...) {
    progress.clear();
    throw;
  }
  progress.clear();
  print(globals, manifest_table(manifest, out));
  emit_json(globals, to_json(manifest));
  return ExitCode::ok;
}

void add_build(CLI::App& corpus, const Globals& globals, Action& action) {
  auto* command = corpus.add_subcommand("build", "build a corpus from text: plain or .gz, .dz, .zst, or JSON lines");
  auto options = std::make_shared<BuildOptions>();
  auto out = std::make_shared<std::string>();
  command->add_option("--input", options->inputs, "files, folders, patterns, or - for standard input")->required();
  command->add_option("--out", *out, "folder to make")->required();
  command->add_flag("--replace", options->replace, "replace a corpus of other text in that folder");
  command->add_option("--name", options->name, "name for reports; else that of the folder");
  add_named(*command, "--format", options->format, "auto: jsonl for *.jsonl and *.ndjson, also compressed; else text");
  command->add_option("--field", options->field, "JSON lines: the field that holds the text (default: text)");
  add_named(*command, "--documents", options->documents,
            "what ends a document: blank-line (default for text), entry (a blank line before a line that is not "
            "indented), file, json-line",
            // nobody's text is a stream of symbols
            {DocumentKind::blank_line, DocumentKind::entry, DocumentKind::file, DocumentKind::json_line});
  command->add_option("--validation-fraction", options->validation_fraction,
                      "share of the documents that is held out, above 0 and at most 0.5 (default: 0.01)");
  command->callback([&globals, &action, options, out] {
    action = [&globals, options, out] {
      options->out = *out;
      return build(globals, "bytes", *out, [&](auto progress) {
        options->progress = progress;
        return build_corpus(*options);
      });
    };
  });
}

void add_synth(CLI::App& corpus, const Globals& globals, Action& action) {
  auto* command = corpus.add_subcommand("synth", "generate a corpus whose entropy is known exactly (a Markov chain)");
  auto options = std::make_shared<SynthOptions>();
  auto out = std::make_shared<std::string>();
  command->add_option("--out", *out, "folder to make")->required();
  command->add_flag("--replace", options->replace, "replace another corpus in that folder");
  command->add_option("--name", options->name, "name for reports; else that of the folder");
  command->add_option("--order", options->order, "symbols that the next one depends on")->capture_default_str();
  command->add_option("--symbols", options->symbols, "number of different symbols, 2 .. 256")->capture_default_str();
  command->add_option("--tokens", options->tokens, "training tokens")->transform(count_number())->capture_default_str();
  command->add_option("--validation-tokens", options->validation_tokens, "validation tokens")
      ->transform(count_number())
      ->capture_default_str();
  command
      ->add_option("--concentration", options->concentration,
                   "Dirichlet parameter of the transition rows: small = predictable, large = near uniform")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "seed of the chain and of both streams")->capture_default_str();
  command->callback([&globals, &action, options, out] {
    action = [&globals, options, out] {
      options->out = *out;
      return build(globals, "tokens", *out, [&](auto progress) {
        options->progress = progress;
        return synthesize_corpus(*options);
      });
    };
  });
}

void add_info(CLI::App& corpus, const Globals& globals, Action& action) {
  auto* command = corpus.add_subcommand("info", "show a corpus");
  auto folder = std::make_shared<std::string>();
  auto check = std::make_shared<bool>(false);
  command->add_option("DIR", *folder, "corpus folder")->required();
  command->add_flag("--check", *check, "read the token files and compare them with the manifest's hashes");
  command->callback([&globals, &action, folder, check] {
    action = [&globals, folder, check] {
      const Corpus found = load_corpus(*folder, *check ? CorpusCheck::hashes : CorpusCheck::sizes);
      print(globals, manifest_table(found.manifest, *folder));
      if (*check) print(globals, "the token files are those of the manifest\n");
      emit_json(globals, to_json(found.manifest));
      return ExitCode::ok;
    };
  });
}

}  // namespace

void add_corpus(CLI::App& app, const Globals& globals, Action& action) {
  auto* corpus = app.add_subcommand("corpus", "build, generate and show corpora (data/README.md)");
  corpus->require_subcommand(1);
  add_build(*corpus, globals, action);
  add_synth(*corpus, globals, action);
  add_info(*corpus, globals, action);
}

}  // namespace scalelaw::cli
