// JSON values, as many as the metadata of a model file needs: read only.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace deepaw {

class Json {
  public:
    enum class Kind { null, boolean, number, text, list, object };

    // Throws ModelError where the text is no JSON.
    static Json parse(const std::string &text);

    Kind kind() const { return kind_; }
    bool is_null() const { return kind_ == Kind::null; }

    // Values of one kind; throw ModelError for another kind, or where there is no such key.
    bool boolean() const;
    double number() const;
    int64_t integer() const;
    const std::string &text() const;
    const std::vector<Json> &list() const;
    const Json &operator[](const char *key) const;
    const Json &operator[](size_t place) const;
    const std::map<std::string, Json> &object() const;

    // Whether an object has the key.
    bool has(const char *key) const;

    // The text that an entry of the outermost object was read from.
    const std::string &source() const { return source_; }

  private:
    friend class JsonReader;

    Kind kind_ = Kind::null;
    double number_ = 0;
    std::string text_, source_;
    std::vector<Json> list_;
    std::map<std::string, Json> object_;
};

}  // namespace deepaw
