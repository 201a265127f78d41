#include "json.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "error.h"

namespace deepaw {

class JsonReader {
  public:
    explicit JsonReader(const std::string &text) : text_(text) {}

    Json read_all() {
        Json value = read(0);
        skip_space();
        if (at_ != text_.size()) fail();
        return value;
    }

  private:
    static constexpr int DEEPEST = 64;

    [[noreturn]] void fail() const { throw ModelError("the description is not JSON"); }

    void skip_space() {
        while (at_ < text_.size() && std::strchr(" \t\r\n", text_[at_])) ++at_;
    }

    char peek() {
        skip_space();
        if (at_ >= text_.size()) fail();
        return text_[at_];
    }

    void expect(char wanted) {
        if (peek() != wanted) fail();
        ++at_;
    }

    bool take(char wanted) {
        if (peek() != wanted) return false;
        ++at_;
        return true;
    }

    bool take_word(const char *word) {
        if (text_.compare(at_, std::strlen(word), word) != 0) return false;
        at_ += std::strlen(word);
        return true;
    }

    Json read(int depth) {
        if (depth > DEEPEST) fail();
        const char next = peek();
        const size_t first = at_;
        Json value;
        if (next == '{') {
            value.kind_ = Json::Kind::object;
            ++at_;
            if (!take('}')) do {
                    peek();
                    std::string key = read_text();
                    expect(':');
                    value.object_[key] = read(depth + 1);
                } while (take(',') || (expect('}'), false));
        } else if (next == '[') {
            value.kind_ = Json::Kind::list;
            ++at_;
            if (!take(']')) do {
                    value.list_.push_back(read(depth + 1));
                } while (take(',') || (expect(']'), false));
        } else if (next == '"') {
            value.kind_ = Json::Kind::text;
            value.text_ = read_text();
        } else if (take_word("true") || take_word("false")) {
            value.kind_ = Json::Kind::boolean;
            value.number_ = text_[first] == 't';
        } else if (!take_word("null")) {
            value.kind_ = Json::Kind::number;
            char *end = nullptr;
            value.number_ = std::strtod(text_.c_str() + at_, &end);
            if (end == text_.c_str() + at_) fail();
            at_ = size_t(end - text_.c_str());
        }
        if (depth == 1) value.source_ = text_.substr(first, at_ - first);
        return value;
    }

    unsigned read_code() {
        if (at_ + 4 > text_.size()) fail();
        const std::string digits = text_.substr(at_, 4);
        char *end = nullptr;
        const unsigned code = unsigned(std::strtoul(digits.c_str(), &end, 16));
        if (*end) fail();
        at_ += 4;
        return code;
    }

    static void append_utf8(std::string &to, unsigned code) {
        if (code < 0x80) {
            to += char(code);
        } else if (code < 0x800) {
            to += char(0xC0 | (code >> 6));
            to += char(0x80 | (code & 0x3F));
        } else if (code < 0x10000) {
            to += char(0xE0 | (code >> 12));
            to += char(0x80 | ((code >> 6) & 0x3F));
            to += char(0x80 | (code & 0x3F));
        } else {
            to += char(0xF0 | (code >> 18));
            to += char(0x80 | ((code >> 12) & 0x3F));
            to += char(0x80 | ((code >> 6) & 0x3F));
            to += char(0x80 | (code & 0x3F));
        }
    }

    std::string read_text() {
        if (at_ >= text_.size() || text_[at_] != '"') fail();
        ++at_;
        std::string result;
        while (true) {
            if (at_ >= text_.size()) fail();
            const char c = text_[at_++];
            if (c == '"') return result;
            if (c != '\\') {
                result += c;
                continue;
            }
            if (at_ >= text_.size()) fail();
            const char escape = text_[at_++];
            static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
            if (escape == 'u') {
                unsigned code = read_code();
                if (code >= 0xD800 && code < 0xDC00 && take_word("\\u")) code = 0x10000 + ((code - 0xD800) << 10) + (read_code() - 0xDC00);
                append_utf8(result, code);
            } else if (const char *name = std::strchr(names, escape)) {
                result += values[name - names];
            } else {
                fail();
            }
        }
    }

    const std::string &text_;
    size_t at_ = 0;
};

Json Json::parse(const std::string &text) { return JsonReader(text).read_all(); }

namespace {

[[noreturn]] void wrong_kind() { throw ModelError("the description has a value of an unexpected kind"); }

}  // namespace

bool Json::boolean() const {
    if (kind_ != Kind::boolean) wrong_kind();
    return number_ != 0;
}

double Json::number() const {
    if (kind_ != Kind::number) wrong_kind();
    return number_;
}

int64_t Json::integer() const {
    const double value = number();
    if (value != std::floor(value) || std::abs(value) > 1e15) wrong_kind();
    return int64_t(value);
}

const std::string &Json::text() const {
    if (kind_ != Kind::text) wrong_kind();
    return text_;
}

const std::vector<Json> &Json::list() const {
    if (kind_ != Kind::list) wrong_kind();
    return list_;
}

const std::map<std::string, Json> &Json::object() const {
    if (kind_ != Kind::object) wrong_kind();
    return object_;
}

const Json &Json::operator[](const char *key) const {
    const auto found = object().find(key);
    if (found == object_.end()) throw ModelError("the description has no " + std::string(key));
    return found->second;
}

const Json &Json::operator[](size_t place) const {
    if (place >= list().size()) throw ModelError("the description has a list that is too short");
    return list_[place];
}

bool Json::has(const char *key) const { return kind_ == Kind::object && object_.count(key) > 0; }

}  // namespace deepaw
