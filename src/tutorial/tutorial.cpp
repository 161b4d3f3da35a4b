// The list of the tutorial's pages, and the page made of the others' numbers.
#include "tutorial/tutorial.hpp"

#include <fmt/ranges.h>

#include <cmath>

#include "analysis/text.hpp"
#include "core/fields.hpp"
#include "core/format.hpp"
#include "os/error.hpp"
#include "tutorial/tutorial_compute.hpp"
#include "tutorial/tutorial_counting.hpp"
#include "tutorial/tutorial_laws.hpp"
#include "tutorial/tutorial_runs.hpp"

namespace scalelaw::inline tutorial {
namespace {

const TutorialPage* find_page(const std::vector<TutorialPage>& pages, const std::string& name) {
  for (const TutorialPage& page : pages) {
    if (page.name == name) return &page;
  }
  return nullptr;
}

/// "Doubling the model lowered the loss by 3.1 % ...", from a size page.
void say_doubling(std::vector<std::string>& out, const TutorialPage* page, const char* what) {
  if (page == nullptr) return;
  const double percent = number_or_nan(page->numbers, "doubling_percent");
  if (!std::isfinite(percent)) return;
  out.push_back(
      fmt::format("Doubling the {} at the upper end of the runs lowers the fitted loss by {:.2f} %.", what, percent));
}

void say_compute(std::vector<std::string>& out, const TutorialPage* page) {
  if (page == nullptr) return;
  const double a = number_or_nan(page->numbers, "a");
  if (!std::isfinite(a)) return;
  out.push_back(
      fmt::format("In these runs the best model grows as C^{:.2f} and its data as C^{:.2f}: ten times the "
                  "compute pays for {:.1f} times the parameters and {:.1f} times the tokens.",
                  a, 1 - a, std::pow(10, a), std::pow(10, 1 - a)));
}

void say_strategies(std::vector<std::string>& out, const TutorialPage* page) {
  if (page == nullptr) return;
  const Json& numbers = page->numbers;
  std::string text =
      fmt::format("At equal compute the lowest loss went to: {}.", numbers.at("winner").get<std::string>());
  std::vector<std::string> others;
  for (const Json& s : numbers.at("strategies")) {
    if (s.at("name") == "balanced") continue;
    others.push_back(
        fmt::format("{}: {:+.3f} nats", s.at("name").get<std::string>(), s.at("excess_nats").get<double>()));
  }
  text += fmt::format(" Against balanced, {}.", fmt::join(others, "; "));
  out.push_back(text + (numbers.at("balanced_beaten").get<bool>()
                            ? " Balanced was beaten beyond the noise."
                            : " Neither extreme beat balanced beyond the noise."));
}

void say_extrapolation(std::vector<std::string>& out, const TutorialPage* page) {
  if (page == nullptr) return;
  const Json& first = page->numbers.at("rows").front();
  const Json& last = page->numbers.at("rows").back();
  const auto width = [](const Json& row) {
    return row.at("ci95").at(1).get<double>() - row.at("ci95").at(0).get<double>();
  };
  out.push_back(
      fmt::format("From {} to {} parameters the 95 % interval of the fitted loss widens from {:.3f} to {:.3f} "
                  "nats, even with the form of the law taken for granted.",
                  short_count(first.at("params").get<double>()), short_count(last.at("params").get<double>()),
                  width(first), width(last)));
}

void say_laws(std::vector<std::string>& out, const TutorialPage* page) {
  if (page == nullptr) return;
  const Json& rows = page->numbers.at("rows");
  const double flops = rows.back().at("flops").get<double>();
  const Json* low = nullptr;
  const Json* high = nullptr;
  for (const Json& row : rows) {
    if (row.at("flops") != flops) continue;
    if (low == nullptr || row.at("params") < low->at("params")) low = &row;
    if (high == nullptr || row.at("params") > high->at("params")) high = &row;
  }
  out.push_back(fmt::format(
      "For {} FLOPs {} asks for {:.1f} times the parameters that {} asks for: the law chosen "
      "matters more than its digits.",
      power_text(flops), high->at("law").get<std::string>(),
      high->at("params").get<double>() / low->at("params").get<double>(), low->at("law").get<std::string>()));
}

void say_gpt3(std::vector<std::string>& out, const TutorialPage* page) {
  if (page == nullptr) return;
  for (const Json& row : page->numbers.at("laws")) {
    if (row.at("law") != "besiroglu2024") continue;
    out.push_back(
        fmt::format("GPT-3's {} FLOPs would, under besiroglu2024, have been better spent on {} parameters and "
                    "{} tokens: {:.4f} instead of {:.4f} nats, or GPT-3's loss for {:.0f} % less compute.",
                    power_text(page->numbers.at("flops").get<double>()), short_count(row.at("params").get<double>()),
                    short_count(row.at("tokens").get<double>()), row.at("loss_nats").get<double>(),
                    row.at("gpt3_loss_nats").get<double>(), 100 * row.at("compute_saving").get<double>()));
  }
}

void say_counting(std::vector<std::string>& out, const TutorialPage* page) {
  if (page == nullptr) return;
  const Json& counts = page->numbers.at("counts");
  out.push_back(
      fmt::format("One set of simulated runs gives N* ~ C^{:.2f} counting all parameters and C^{:.2f} without "
                  "embeddings: state what counts before comparing exponents.",
                  counts.at(0).at("a").get<double>(), counts.at(1).at("a").get<double>()));
}

}  // namespace

const std::vector<TutorialTopic>& tutorial_topics() {
  static const std::vector<TutorialTopic> topics = {
      {"model-size", "loss against model size at fixed data, and what doubling the model is worth", "model-size",
       model_size_page},
      {"data-size", "loss against training data at a fixed model, and what doubling the data is worth", "data-size",
       data_size_page},
      {"compute-optimal", "the best model and data at each compute budget, and how they and the loss scale",
       "compute-optimal", compute_optimal_page},
      {"strategies", "a large, a small and a balanced model at equal compute: who wins, and by more than the noise?",
       "strategies", strategies_page},
      {"extrapolate", "the model-size law far beyond its runs, to 1e12 parameters, with intervals that widen",
       "model-size", extrapolate_page},
      {"curve", "the published L(N) of Kaplan et al. from 1e6 to 1e11 parameters, GPT-3 marked", "",
       [](const auto&) { return curve_page(); }},
      {"allocation", "best model and data for 1e18 to 1e22 FLOPs under Kaplan, Hoffmann (three ways) and Besiroglu", "",
       [](const auto&) { return allocation_page(); }},
      {"gpt3", "GPT-3's split of its compute against the optimum under each law", "",
       [](const auto&) { return gpt3_page(); }},
      {"counting", "one simulated study, two counts of N: the exponents of Kaplan et al. and of Hoffmann et al.",
       "counting", counting_page, false},
      {"takeaways", "what follows, in sentences made of the numbers of the other pages", "", nullptr},
  };
  return topics;
}

const TutorialTopic& tutorial_topic(const std::string& name) {
  std::vector<std::string> names;
  for (const TutorialTopic& topic : tutorial_topics()) {
    if (topic.name == name) return topic;
    names.push_back(topic.name);
  }
  names.emplace_back("all");
  const std::string near = nearest_word(name, names);
  fail_config("no tutorial page is called '{}'{}; the pages are {}", name,
              near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), fmt::join(names, ", "));
}

TutorialPage takeaways_page(const std::vector<TutorialPage>& pages) {
  std::vector<std::string> sentences;
  say_doubling(sentences, find_page(pages, "model-size"), "model");
  say_doubling(sentences, find_page(pages, "data-size"), "data");
  say_compute(sentences, find_page(pages, "compute-optimal"));
  say_strategies(sentences, find_page(pages, "strategies"));
  say_extrapolation(sentences, find_page(pages, "extrapolate"));
  say_laws(sentences, find_page(pages, "allocation"));
  say_gpt3(sentences, find_page(pages, "gpt3"));
  say_counting(sentences, find_page(pages, "counting"));
  TutorialPage page{.name = "takeaways", .text = "Takeaways\n\n"};
  for (const std::string& sentence : sentences) page.text += "- " + sentence + "\n";
  page.numbers["sentences"] = sentences;
  return page;
}

}  // namespace scalelaw::inline tutorial
