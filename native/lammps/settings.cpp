#include "settings.h"

#include <cmath>
#include <cstdlib>
#include <stdexcept>

namespace deepaw {

namespace {

const char *const KEYWORDS =
    "out_freq, out_file, fparam, aparam, precision, atomic, relative or relative_v";

[[noreturn]] void refuse(const std::string &sentence)
{
  throw std::invalid_argument("pair_style deepaw: " + sentence);
}

bool is_keyword(const std::string &word)
{
  for (const char *name :
       {"out_freq", "out_file", "fparam", "aparam", "precision", "atomic", "relative", "relative_v"})
    if (word == name) return true;
  return false;
}

bool is_number(const std::string &word, double &value)
{
  char *end = nullptr;
  value = std::strtod(word.c_str(), &end);
  return !word.empty() && *end == '\0' && std::isfinite(value);
}

// Words after the models, read from left to right.
class Words {
 public:
  Words(int narg, const char *const *arg) : words(arg, arg + narg) {}

  bool left() const { return position < words.size(); }

  const std::string &next() { return words[position++]; }

  const std::string &value_of(const std::string &keyword)
  {
    if (!left() || is_keyword(words[position])) refuse("'" + keyword + "' is without a value.");
    return next();
  }

  double level_of(const std::string &keyword)
  {
    const std::string &word = value_of(keyword);
    double value = 0.0;
    if (!is_number(word, value) || value <= 0.0)
      refuse("'" + keyword + "' is " + word + "; it should be a number above 0.");
    return value;
  }

  std::vector<double> numbers_of(const std::string &keyword)
  {
    std::vector<double> values;
    double value = 0.0;
    while (left() && is_number(words[position], value)) {
      values.push_back(value);
      position++;
    }
    if (values.empty()) refuse("'" + keyword + "' is without numbers.");
    return values;
  }

  std::vector<std::string> until_keyword()
  {
    std::vector<std::string> files;
    while (left() && !is_keyword(words[position])) files.push_back(next());
    return files;
  }

 private:
  std::vector<std::string> words;
  std::size_t position = 0;
};

int frequency(const std::string &word)
{
  double value = 0.0;
  if (!is_number(word, value) || value < 1.0 || value > 1e9 || value != std::floor(value))
    refuse("'out_freq' is " + word + "; it should be a number of steps, 1 or more.");
  return static_cast<int>(value);
}

int precision(const std::string &word)
{
  if (word == "float64") return 64;
  if (word == "float32") return 32;
  refuse("'precision' is " + word + "; it should be float64 or float32.");
}

}    // namespace

Settings read_settings(int narg, const char *const *arg)
{
  Words words(narg, arg);
  Settings settings;
  settings.models = words.until_keyword();
  if (settings.models.empty())
    refuse("a model file is needed, such as pair_style deepaw model.safetensors.");
  while (words.left()) {
    const std::string word = words.next();
    if (word == "out_freq")
      settings.out_freq = frequency(words.value_of(word));
    else if (word == "out_file")
      settings.out_file = words.value_of(word);
    else if (word == "fparam")
      settings.fparam = words.numbers_of(word);
    else if (word == "aparam")
      settings.aparam = words.numbers_of(word);
    else if (word == "precision")
      settings.bits = precision(words.value_of(word));
    else if (word == "atomic")
      settings.atomic = true;
    else if (word == "relative")
      settings.relative = words.level_of(word);
    else if (word == "relative_v")
      settings.relative_v = words.level_of(word);
    else
      refuse("'" + word + "' is none of " + KEYWORDS + ".");
  }
  return settings;
}

}    // namespace deepaw
