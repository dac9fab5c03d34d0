#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "see/io/safetensors.hpp"
#include "see/io/write_safetensors.hpp"
#include "temp_dir.hpp"

using namespace see;

namespace {

/// The bytes of a file with this header, its length in front, before `data`.
std::string file_of(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

struct Sample {
  std::vector<std::uint8_t> bytes{1, 2, 3};
  std::vector<float> floats{1.5F, -2, 0.25F, 1e-3F, 5, 6};
  std::vector<std::int64_t> longs{-1, std::numeric_limits<std::int64_t>::max()};
  std::vector<std::uint16_t> shorts{7};
  Metadata metadata{{"checksum", "crc32:00000000"}, {"format", "t\"e\\st\n"}};

  std::vector<Tensor> tensors() const {
    return {make_tensor("bytes", {3}, bytes), make_tensor("floats \xc3\xa9", {2, 3}, floats),
            make_tensor("shorts", {}, shorts), make_tensor("longs", {2, 1}, longs),
            make_tensor("none", {0, 3}, std::span<const float>())};
  }
};

/// Whether a file with these bytes is refused, with a message that holds `part`.
bool refused(const TempDir& dir, const std::string& bytes, const std::string& part) {
  write_file(dir / "bad", bytes);
  return says(part, [&] { SafetensorsFile::open(dir / "bad"); });
}

}  // namespace

TEST_CASE("tensors and metadata come back, aligned and viewed", "[io]") {
  const TempDir dir;
  const Sample sample;
  write_safetensors(dir / "a", sample.tensors(), sample.metadata);
  CHECK(dir.entries() == 1);
  const auto file = SafetensorsFile::open(dir / "a");
  CHECK(file.metadata().at("format") == sample.metadata.at("format"));
  REQUIRE(file.tensors().size() == 5);
  CHECK(file.tensors()[0].name == "longs");
  CHECK(file.tensors()[4].name == "bytes");

  const auto floats = file.array<float>("floats \xc3\xa9", {2, -1});
  CHECK(std::vector<float>(floats.begin(), floats.end()) == sample.floats);
  CHECK(reinterpret_cast<const std::byte*>(floats.data()) ==
        file.at("floats \xc3\xa9").bytes.data());
  const auto longs = file.array<std::int64_t>("longs", {2, 1});
  CHECK(std::vector<std::int64_t>(longs.begin(), longs.end()) == sample.longs);
  CHECK(file.array<std::uint16_t>("shorts", {})[0] == 7);
  CHECK(file.array<std::uint8_t>("bytes", {3})[2] == 3);
  CHECK(file.array<char>("bytes", {3})[1] == 2);
  CHECK(file.array<float>("none", {0, 3}).empty());
  CHECK(file.find("nothing") == nullptr);

  const std::string bytes = read_file(dir / "a");
  const std::string header = detail::safetensors_header(sample.tensors(), sample.metadata);
  CHECK(header.size() % 64 == 0);
  CHECK(bytes.size() == header.size() + 3 + 24 + 16 + 2);
  for (const Tensor& tensor : file.tensors())
    CHECK(static_cast<std::size_t>(tensor.bytes.data() - file.file()->bytes().data()) %
              detail::alignment(*detail::find_dtype(tensor.dtype)) ==
          0);
}

TEST_CASE("tensors of another name, type or shape are refused", "[io]") {
  const TempDir dir;
  const Sample sample;
  write_safetensors(dir / "a", sample.tensors());
  const auto file = SafetensorsFile::open(dir / "a");
  CHECK(file.metadata().empty());
  CHECK(says("no tensor \"x\"", [&] { file.array<float>("x", {1}); }));
  CHECK(says("is I64 2 x 1, needed F32 2 x 1", [&] { file.array<float>("longs", {2, 1}); }));
  CHECK(says("needed I64 2 x 2", [&] { file.array<std::int64_t>("longs", {2, 2}); }));
  CHECK(says("needed I64 any", [&] { file.array<std::int64_t>("longs", {-1}); }));
  CHECK(says("is U16 scalar", [&] { file.array<std::int16_t>("shorts", {}); }));
}

TEST_CASE("an array outlives its file object and a copy is made where memory is not aligned",
          "[io]") {
  const TempDir dir;
  Array<float> values;
  Array<double> shifted;
  {
    const std::vector<double> doubles{1.5, -3};
    std::string data(1 + 16 + 4, '\1');
    std::memcpy(data.data() + 1, doubles.data(), 16);
    const float one = 1;
    std::memcpy(data.data() + 17, &one, 4);
    write_file(dir / "b",
               file_of("{\"d\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[1,17]},"
                       "\"c\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                       "\"e\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[17,21]}}",
                       data));
    const auto file = SafetensorsFile::open(dir / "b");
    CHECK(file.tensors()[0].name == "c");
    shifted = file.array<double>("d", {2});
    values = file.as_floats(file.at("e"));
  }
  CHECK(shifted[0] == 1.5);
  CHECK(shifted[1] == -3);
  CHECK(values[0] == 1);
  CHECK(reinterpret_cast<std::uintptr_t>(shifted.data()) % alignof(double) == 0);
}

TEST_CASE("every number type converts to float", "[io]") {
  const TempDir dir;
  const auto convert = [&](const auto& values, const std::vector<float>& expected) {
    write_safetensors(dir / "n", {make_tensor("n", {static_cast<Index>(values.size())}, values)});
    const auto file = SafetensorsFile::open(dir / "n");
    const Array<float> floats = file.as_floats(file.at("n"));
    CHECK(std::vector<float>(floats.begin(), floats.end()) == expected);
  };
  convert(std::vector<float>{1.5F, -2}, {1.5F, -2});
  convert(std::vector<double>{0.1, -2}, {0.1F, -2});
  convert(std::vector<Eigen::half>{Eigen::half(0.5F), Eigen::half(-65504.F)}, {0.5F, -65504});
  convert(std::vector<Eigen::bfloat16>{Eigen::bfloat16(0.5F), Eigen::bfloat16(-3.F)}, {0.5F, -3});
  convert(std::vector<std::int8_t>{-128, 127}, {-128, 127});
  convert(std::vector<std::uint8_t>{0, 255}, {0, 255});
  convert(std::vector<std::int16_t>{-300}, {-300});
  convert(std::vector<std::uint16_t>{65535}, {65535});
  convert(std::vector<std::int32_t>{-70000}, {-70000});
  convert(std::vector<std::uint32_t>{1U << 31}, {2147483648.F});
  convert(std::vector<std::int64_t>{-(1LL << 40)}, {-1099511627776.F});
  convert(std::vector<std::uint64_t>{1ULL << 63}, {9223372036854775808.F});
  write_file(dir / "n",
             file_of("{\"n\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[0,2]},"
                     "\"f\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[2,3]},"
                     "\"g\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[3,4]}}",
                     std::string("\0\1\2\3", 4)));
  const auto file = SafetensorsFile::open(dir / "n");
  CHECK(file.as_floats(file.at("n"))[1] == 1);
  CHECK(says("is F8_E4M3", [&] { file.as_floats(file.at("f")); }));
}

TEST_CASE("bad headers are refused with what was found and needed", "[io]") {
  const TempDir dir;
  const auto tensor = [](const std::string& dtype, const std::string& shape,
                         const std::string& offsets) {
    return "{\"t\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
           ",\"data_offsets\":" + offsets + "}}";
  };
  const std::string data(16, 'd');
  write_file(dir / "good", file_of(tensor("F32", "[2,2]", "[0,16]"), data));
  CHECK_NOTHROW(SafetensorsFile::open(dir / "good"));
  write_file(dir / "good", file_of("{}  ", ""));
  CHECK(SafetensorsFile::open(dir / "good").tensors().empty());

  CHECK(refused(dir, "", "has 0 bytes"));
  CHECK(refused(dir, std::string(8, '\0'), "does not begin with '{'"));
  CHECK(refused(dir, file_of("[1]", ""), "does not begin with '{'"));
  CHECK(refused(dir, std::string(8, '\xff') + "{}", "needed at most 2"));
  write_file(dir / "huge", std::string("\x01\xe1\xf5\x05\0\0\0\0{", 9));
  std::filesystem::resize_file(dir / "huge", 200'000'000);
  CHECK(says("100000001 bytes, needed at most 100000000",
             [&] { SafetensorsFile::open(dir / "huge"); }));
  CHECK(refused(dir, file_of("{\"t\":1}", ""), "found a number, needed an object"));
  CHECK(refused(dir, file_of("{", ""), "JSON at byte 1"));
  CHECK(refused(dir, file_of("{\"__metadata__\":{\"a\":1}}", ""), "needed a string"));
  CHECK(refused(dir, file_of("{\"__metadata__\":[]}", ""), "needed an object"));
  CHECK(
      refused(dir, file_of("{\"t\":{\"shape\":[1],\"data_offsets\":[0,1]}}", "d"), "has no dtype"));
  CHECK(refused(dir, file_of("{\"t\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", "d"),
                "has no shape"));
  CHECK(refused(dir, file_of("{\"t\":{\"dtype\":\"U8\",\"shape\":[1]}}", "d"),
                "has no data_offsets"));
  CHECK(refused(dir, file_of(tensor("F33", "[-4]", "[0,16]"), data), "impossible shape"));
  CHECK(refused(dir, "\x1f\x8b\x08", "found a gzip file"));
  CHECK(refused(dir, file_of(tensor("F32", "[4.0]", "[0,16]"), data), "needed an integer"));
  CHECK(refused(dir, file_of(tensor("F32", "[-4]", "[0,16]"), data), "impossible shape"));
  CHECK(refused(dir, file_of(tensor("F4", "[3]", "[0,16]"), data), "impossible shape"));
  CHECK(refused(dir, file_of(tensor("F32", "[4294967296,4294967296,4]", "[0,16]"), data),
                "impossible shape"));
  CHECK(refused(dir, file_of(tensor("U8", "[9223372036854775807,2]", "[0,16]"), data),
                "impossible shape"));
  CHECK(refused(dir, file_of(tensor("F32", "[4]", "[0,16,17]"), data), "3 data_offsets"));
  CHECK(refused(dir, file_of(tensor("F32", "[4]", "[-16,0]"), data), "bytes -16 to 0"));
  CHECK(refused(dir, file_of(tensor("F32", "[4]", "[16,0]"), data), "bytes 16 to 0"));
  CHECK(refused(dir, file_of(tensor("F32", "[4]", "[1,17]"), data), "bytes 1 to 17 of 16"));
  CHECK(refused(dir, file_of(tensor("F32", "[3]", "[0,16]"), data), "has 16 bytes, needed 12"));
  CHECK(refused(dir, file_of(tensor("F32", "[3]", "[4,16]"), data),
                "begins at data byte 4, needed 0"));
  CHECK(refused(dir, file_of(tensor("F32", "[3]", "[0,12]"), data),
                "end at data byte 12, needed 16"));
  CHECK(refused(dir,
                file_of("{\"a\":{\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[0,9]},"
                        "\"b\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[8,16]}}",
                        data),
                "begins at data byte 8, needed 9"));
}

TEST_CASE("tensors of unknown types stand beside those that can be read", "[io]") {
  const TempDir dir;
  write_file(dir / "t", file_of("{\"__metadata__\":null,"
                                "\"a\":{\"dtype\":\"F33\",\"shape\":[3],\"data_offsets\":[0,4]},"
                                "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
                                std::string(4, 'd') + std::string("\0\0\x80\x3f", 4)));
  const auto file = SafetensorsFile::open(dir / "t");
  CHECK(file.metadata().empty());
  CHECK(file.array<float>("b", {1})[0] == 1);
  CHECK(file.at("a").dtype == "F33");
  CHECK(says("is F33, needed a number type", [&] { file.as_floats(file.at("a")); }));
  CHECK(says("is F33 3, needed F32", [&] { file.array<float>("a", {3}); }));
}

TEST_CASE("a truncated or altered file is refused by its header or its checksum", "[io]") {
  const TempDir dir;
  const Sample sample;
  write_safetensors(dir / "a", sample.tensors(), sample.metadata);
  detail::verify_checksum(SafetensorsFile::open(dir / "a"));
  const std::string good = read_file(dir / "a");
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < good.size(); ++size) {
    write_file(dir / "b", good.substr(0, size));
    accepted += !refuses([&] { SafetensorsFile::open(dir / "b"); });
  }
  for (std::size_t i = 0; i < good.size(); ++i)
    for (const int flip : {1, 2, 16, 128, 255}) {
      std::string bytes = good;
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
      write_file(dir / "b", bytes);
      accepted += !refuses([&] { detail::verify_checksum(SafetensorsFile::open(dir / "b")); });
    }
  CHECK(accepted == 0);
}

TEST_CASE("the checksum is the CRC-32 of the file with zeros for its digits", "[io]") {
  const TempDir dir;
  const Sample sample;
  write_safetensors(dir / "a", sample.tensors(), {{"checksum", "crc32:0123abcd"}});
  const auto file = SafetensorsFile::open(dir / "a");
  detail::verify_checksum(file);
  std::string bytes = read_file(dir / "a");
  const std::string digits = file.metadata().at("checksum").substr(6);
  bytes.replace(file.checksum_offset().value(), 8, "00000000");
  CHECK(detail::hex8(detail::crc32(std::as_bytes(std::span(bytes)))) == digits);

  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file(dir / "b", bytes);
  CHECK(says("needed crc32:00000000",
             [&] { detail::verify_checksum(SafetensorsFile::open(dir / "b")); }));
  for (const char* other : {"md5:00000000000000", "crc32:0000000", "crc32:0000000G"}) {
    write_safetensors(dir / "c", {}, {{"checksum", other}});
    CHECK(SafetensorsFile::open(dir / "c").metadata().at("checksum") == other);
    CHECK(says("no metadata entry",
               [&] { detail::verify_checksum(SafetensorsFile::open(dir / "c")); }));
  }
  write_file(dir / "d", file_of("{\"__metadata__\":{\"checksum\":\"crc32:0000000\\u0030\"}}", ""));
  CHECK_FALSE(SafetensorsFile::open(dir / "d").checksum_offset().has_value());
}

TEST_CASE("tensors that cannot be written are refused before anything is written", "[io]") {
  const TempDir dir;
  const std::vector<float> values(4);
  const auto refused = [&](const std::string& part, const std::vector<Tensor>& tensors,
                           const Metadata& metadata = {}) {
    CHECK(says<Error>(part, [&] { write_safetensors(dir / "f", tensors, metadata); }));
    CHECK(dir.entries() == 0);
  };
  const auto tensor = make_tensor("t", {4}, values);
  refused("the name is taken", {tensor, tensor});
  refused("the name is taken", {make_tensor("__metadata__", {4}, values)});
  refused("not UTF-8", {make_tensor("\xff", {4}, values)});
  refused("not UTF-8", {tensor}, {{"a", "\xff"}});
  refused("not UTF-8", {tensor}, {{"\xff", "a"}});
  refused("found 16 bytes", {make_tensor("t", {5}, values)});
  refused("found 16 bytes", {make_tensor("t", {-4}, values)});
  refused("unknown dtype", {{"t", "F31", {4}, tensor.bytes}});
  refused("needed at most 100000000", {tensor}, {{"a", std::string(100'000'000, 'a')}});
  CHECK(refuses([&] { write_safetensors(dir / "no/f", {tensor}); }));
}
