#include <csignal>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "see/io/atomic_file.hpp"
#include "see/io/crc32.hpp"
#include "see/io/json.hpp"
#include "see/io/mapped_file.hpp"
#include "temp_dir.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/resource.h>
#include <sys/stat.h>
#endif

using namespace see;
namespace fs = std::filesystem;

TEST_CASE("a mapped file has the bytes of the file", "[io]") {
  const TempDir dir;
  for (const std::size_t size : {0U, 1U, 4096U, 100000U}) {
    std::string bytes(size, 'x');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7);
    write_file(dir / "f", bytes);
    const auto file = MappedFile::open(dir / "f");
    CHECK(file->text() == bytes);
    CHECK(file->size() == size);
    file->release(0, size);
    file->release(5, size * 2);
    CHECK(file->text() == bytes);
  }
  CHECK(says("none", [&] { MappedFile::open(dir / "none"); }));
  CHECK(says(dir.path().string(), [&] { MappedFile::open(dir.path()); }));
}

#if defined(__unix__) || defined(__APPLE__)
TEST_CASE("pipes are read to their end and written directly", "[io]") {
  const TempDir dir;
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  const std::string bytes(300'000, 'p');
  std::string read;
  std::thread reader([&] { read = MappedFile::open(dir / "pipe")->text(); });
  AtomicFile file(dir / "pipe");
  file.write(bytes);
  file.commit();
  reader.join();
  CHECK(read == bytes);
  CHECK(dir.entries() == 1);
}

TEST_CASE("a full disk is an error that names the file and leaves the old one", "[io]") {
  const TempDir dir;
  if (fs::exists("/dev/full")) {
    CHECK(says("/dev/full (0 bytes written)", [] {
      AtomicFile file("/dev/full");
      file.write("some bytes");
      file.commit();
    }));
    CHECK(says("/dev/full", [] { AtomicFile("/dev/full").write(std::string(1'000'000, 'x')); }));
  }
  write_file(dir / "f", "old");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  AtomicFile file(dir / "f");
  const std::string message = message_of([&] { file.write(std::string(1'000'000, 'x')); });
  const bool closed = refuses([&] { file.write("more"); }) && refuses([&] { file.commit(); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(message.find((dir / "f") + " (4096 bytes written)") != std::string::npos);
  CHECK(closed);
  CHECK(read_file(dir / "f") == "old");
  CHECK(dir.entries() == 1);
}

TEST_CASE("an atomic file keeps permissions and follows links", "[io]") {
  const TempDir dir;
  write_file(dir / "f", "old");
  fs::permissions(dir / "f", fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("f", dir / "link");
  fs::create_symlink("new", dir / "dangling");
  for (const char* name : {"link", "dangling"}) {
    AtomicFile file(dir / name);
    file.write("new");
    file.commit();
  }
  CHECK(fs::is_symlink(dir / "link"));
  CHECK(read_file(dir / "f") == "new");
  CHECK(fs::status(dir / "f").permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(fs::is_symlink(dir / "dangling"));
  CHECK(read_file(dir / "new") == "new");
  CHECK(dir.entries() == 4);
}

TEST_CASE("standard output can be written", "[io]") {
  AtomicFile file("/dev/stdout");
  file.write("");
  file.commit();
}
#endif

TEST_CASE("an atomic file appears with commit or not at all", "[io]") {
  const TempDir dir;
  write_file(dir / "f", "old");
  {
    AtomicFile file(dir / "f");
    file.write("new");
    CHECK(file.size() == 3);
    CHECK(dir.entries() == 2);
    CHECK(read_file(dir / "f") == "old");
  }
  CHECK(dir.entries() == 1);
  CHECK(read_file(dir / "f") == "old");
  std::string expected;
  AtomicFile file(dir / "f");
  for (std::size_t i = 0; i < 60; ++i) {
    const std::string part(i * i * 200, static_cast<char>('a' + i % 26));
    file.write(part);
    expected += part;
  }
  CHECK(file.size() == expected.size());
  file.commit();
  CHECK(read_file(dir / "f") == expected);
  CHECK(dir.entries() == 1);
  CHECK(refuses([&] { file.write("more"); }));
  CHECK(refuses([&] { file.commit(); }));
}

TEST_CASE("unwritable paths are refused at once", "[io]") {
  const TempDir dir;
  write_file(dir / "f", "old");
  CHECK(says("cannot write", [&] { AtomicFile file(dir.path()); }));
  CHECK(says("no/such", [&] { AtomicFile file(dir / "no/such"); }));
  CHECK(refuses([&] { AtomicFile file(dir / "f/below"); }));
  CHECK(refuses([&] { AtomicFile file(dir / std::string(5000, 'n')); }));
  CHECK(refuses([] { AtomicFile file(""); }));
  fs::create_directory(dir / "gone");
  AtomicFile file(dir / "gone/f");
  file.write("x");
  fs::remove_all(dir / "gone");
  CHECK(says("gone", [&] { file.commit(); }));
  CHECK(dir.entries() == 1);
}

TEST_CASE("the CRC-32 is zlib's", "[io]") {
  const auto bytes = [](std::string_view text) { return std::as_bytes(std::span(text)); };
  CHECK(detail::crc32({}) == 0);
  CHECK(detail::crc32(bytes("123456789")) == 0xcbf43926U);
  CHECK(detail::crc32(bytes("The quick brown fox jumps over the lazy dog")) == 0x414fa339U);
  const std::string text = "any text that is longer than eight bytes and not a multiple of it";
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    CHECK(detail::crc32(bytes(text).subspan(cut), detail::crc32(bytes(text).first(cut))) ==
          detail::crc32(bytes(text)));
}

TEST_CASE("JSON values are read", "[io]") {
  const detail::JsonValue value = detail::parse_json(
      " {\"b\" : [1, -2.50e+3, true, false, null, \"\\\"\\\\\\/\\b\\f\\n\\r\\t\", {}, [ ]],\n"
      "\"a\":\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00\\u0000x\" , \"\xc3\xa9\": "
      "9223372036854775807} ");
  REQUIRE(value.keys() == std::vector<std::string>{"b", "a", "\xc3\xa9"});
  const auto& items = value.find("b")->items();
  REQUIRE(items.size() == 8);
  CHECK(items[0].integer() == 1);
  CHECK(items[1].number() == "-2.50e+3");
  CHECK(items[2].boolean());
  CHECK_FALSE(items[3].boolean());
  CHECK(items[4].is(detail::JsonValue::Kind::null));
  CHECK(items[5].string() == "\"\\/\b\f\n\r\t");
  CHECK(items[6].keys().empty());
  CHECK(items[7].items().empty());
  CHECK(items[0].offset() == 9);
  CHECK(value.find("a")->string() == std::string("A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0x", 12));
  CHECK(value.values()[2].integer() == std::numeric_limits<std::int64_t>::max());
  CHECK(value.find("c") == nullptr);
}

TEST_CASE("what is not JSON is refused with its place", "[io]") {
  const auto refused = [](const std::string& text, const std::string& part) {
    INFO(text);
    CHECK(says(part, [&] { detail::parse_json(text); }));
  };
  refused("", "byte 0: found the end, needed a value");
  refused("[1,]", "byte 3: found ']', needed a value");
  refused("[1 2]", "byte 3");
  refused("{\"a\" 1}", "needed ':'");
  refused("{\"a\":1,}", "needed a key");
  refused("{a:1}", "needed a key");
  refused("{\"a\":1", "',' or '}'");
  refused("{\"a\":1,\"a\":2}", "byte 7: found the key \"a\" twice");
  refused("{\"a\":1,\"\\u0061\":2}", "twice");
  refused("1 2", "needed the end");
  refused("tru", "needed a value");
  refused("nulL", "needed a value");
  refused("01", "needed the end");
  refused("-", "a digit");
  refused("1.", "a digit");
  refused("1e", "a digit");
  refused("+1", "a value");
  refused("NaN", "a value");
  refused("\"abc", "byte 4");
  refused("\"a\nb\"", "control character");
  refused("\"\\x\"", "an escape");
  refused("\"\\", "an escape");
  refused("\"\\u12g4\"", "hexadecimal");
  refused("\"\\udc00\"", "surrogate");
  refused("\"\\ud800\"", "low surrogate");
  refused("\"\\ud800\\n\"", "low surrogate");
  refused("\"\\ud800\\u0041\"", "low surrogate");
  refused("\"\xff\"", "byte 1: found ill-formed UTF-8");
  for (const char* bad : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82",
                          "\xf0\x80\x80\x80", "\xe0\x80\x80", "\x80"})
    refused("\"" + std::string(bad) + "\"", "UTF-8");
  refused(std::string(1000, '['), "deeper than 32");
  CHECK(says("more than 3 values", [] { detail::parse_json("[1,2,3]", {32, 3}); }));
  CHECK(detail::parse_json("[[1]]", {3, 3}).items().size() == 1);
  CHECK(refuses([] { detail::parse_json("[[1]]", {2, 3}); }));
}

TEST_CASE("JSON values of another kind are refused", "[io]") {
  const detail::JsonValue value = detail::parse_json("[1.5, \"a\", 9223372036854775808, 1e2]");
  CHECK(says("byte 0: found an array, needed a string", [&] { value.string(); }));
  CHECK(refuses([&] { value.keys(); }));
  CHECK(refuses([&] { value.values(); }));
  CHECK(refuses([&] { value.find("a"); }));
  CHECK(refuses([&] { value.boolean(); }));
  CHECK(refuses([&] { value.items()[0].items(); }));
  CHECK(says("byte 6: found a string, needed a number", [&] { value.items()[1].integer(); }));
  for (const std::size_t i : {0U, 2U, 3U})
    CHECK(says("needed an integer", [&] { value.items()[i].integer(); }));
  for (const char* text : {"null", "true", "1", "\"a\"", "{}"})
    CHECK(says(std::string(detail::JsonValue::name(detail::parse_json(text).kind())),
               [&] { detail::parse_json(text).items(); }));
}

TEST_CASE("a quoted string reads as itself", "[io]") {
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  all += "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
  CHECK(detail::parse_json(json_quote(all)).string() == all);
  CHECK(json_quote("a\"\\\n\x01") == "\"a\\\"\\\\\\n\\u0001\"");
  CHECK(detail::parse_json(json_quote("a\xff\xe2\x82")).string() ==
        "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("any change of one byte of a JSON text is read or refused", "[io]") {
  const std::string good = "{\"a\":[1,-2.5e3,true,null],\"b\":\"\\u00e9\\ud83d\\ude00\"}";
  for (std::size_t i = 0; i < good.size(); ++i)
    for (int c = 0; c < 256; ++c) {
      std::string text = good;
      text[i] = static_cast<char>(c);
      refuses([&] { detail::parse_json(text); });
    }
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK(refuses([&] { detail::parse_json(good.substr(0, size)); }));
}
