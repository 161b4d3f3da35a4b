#pragma once
// What people call the corpora of records, which hold their hashes alone.
#include <filesystem>
#include <string>
#include <vector>

#include "select/population.hpp"

namespace scalelaw::inline study {

/// The names of the corpora that the studies in these folders were or may be trained on: the folder of the corpus and
/// its path, as study.toml, the study's jobs and the corpora beside them say, the name in its manifest, and the files
/// that it was built from. A value of `where` that is itself the path of a corpus is a name of it.
/// @param where restrictions; nothing is looked for unless one of them is about the corpus
[[nodiscard]] CorpusNames corpus_names(const std::vector<std::filesystem::path>& folders,
                                       const std::vector<std::string>& where);

}  // namespace scalelaw::inline study
