#include "common/json_index.h"

#include <memory>
#include <new>
#include <simdjson.h>

/* simdjson's documented interfaces produce a tree or a cursor of its own. Its first stage is available only through
 * the class that both are built on. simdjson marks that class as internal, but its shape is the same from 1.0 to
 * 4.6. */
using stage_one = simdjson::internal::dom_parser_implementation;

struct json_index {
    std::unique_ptr<stage_one> parser;
    bool checks_strings_only; /* for UTF-8 */
};

struct json_index *json_index_new(size_t capacity)
{
    std::unique_ptr<json_index> index(new (std::nothrow) json_index);
    if (!index)
        return nullptr;
    /* Only the second stage uses the depth, and it does not run. */
    const size_t depth = 1;
    const simdjson::implementation *best = simdjson::get_active_implementation();
    if (best->create_dom_parser_implementation(capacity, depth, index->parser) != simdjson::SUCCESS)
        return nullptr;
    /* The portable implementation, for machines without SIMD, leaves everything outside of strings to the second
     * stage. */
    index->checks_strings_only = best->name() == "fallback";
    return index.release();
}

void json_index_free(struct json_index *index)
{
    delete index;
}

/* Stage 1 reports one fault of several and looks for invalid UTF-8 last. The portable one also reports UTF-8 for an
 * escape of a character beyond ASCII. */
static json_index_result json_index_failed(const char *text, size_t length)
{
    return simdjson::validate_utf8(text, length) ? JSON_INDEX_SYNTAX : JSON_INDEX_UTF8;
}

enum json_index_result json_index_find(struct json_index *index, const char *text, size_t length,
                                       const uint32_t **positions, size_t *count)
{
    stage_one &parser = *index->parser;
    const auto *bytes = reinterpret_cast<const uint8_t *>(text);
    switch (parser.stage1(bytes, length, simdjson::stage1_mode::regular)) {
    case simdjson::SUCCESS:
        break;
    case simdjson::EMPTY:
        return JSON_INDEX_EMPTY;
    default:
        return json_index_failed(text, length);
    }
    if (index->checks_strings_only && !simdjson::validate_utf8(text, length))
        return JSON_INDEX_UTF8;
    /* There is room: simdjson itself marks the end with extra positions. */
    parser.structural_indexes[parser.n_structural_indexes] = static_cast<uint32_t>(length);
    *positions = parser.structural_indexes.get();
    *count = parser.n_structural_indexes;
    return JSON_INDEX_OK;
}
