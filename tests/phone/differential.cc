// differential [COUNT [SEED]]: judges COUNT numbers (200,000; some 144,000 of them are always the same) with
// common/phone.c, compiled from libphonenumber's own metadata, and with libphonenumber, and fails at any disagreement.
// Numbers are given to the library digit by digit, never through its Parse, which repairs what it reads.
#include <phonenumbers/phonemetadata.pb.h>
#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <regex>
#include <string>
#include <vector>

extern "C" {
#include "common/phone.h"
}

namespace i18n::phonenumbers
{
// Exported by the library, but in none of its installed headers.
int metadata_size();
const void *metadata_get();
} // namespace i18n::phonenumbers

namespace
{
using i18n::phonenumbers::PhoneMetadata;
using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberDesc;
using i18n::phonenumbers::PhoneNumberUtil;

constexpr int disagreements_shown = 20;
constexpr int longest_national = 17;
constexpr size_t shared_sampling = 16; // of the numbers of shared codes, one in that many is asked for its countries

struct Territory {
    std::string name;
    std::regex general;
    std::vector<int> lengths;
};

struct Library {
    const PhoneNumberUtil &util = *PhoneNumberUtil::GetInstance();
    i18n::phonenumbers::PhoneMetadataCollection collection;
    std::map<int, std::vector<Territory>> codes;
    std::vector<std::string> examples; // calling code first

    Library()
    {
        namespace library = i18n::phonenumbers;
        if (!collection.ParseFromArray(library::metadata_get(), library::metadata_size()))
            std::abort();
        for (const PhoneMetadata &metadata : collection.metadata()) {
            const PhoneNumberDesc &general = metadata.general_desc();
            codes[metadata.country_code()].push_back(
                {metadata.id(), std::regex(general.national_number_pattern(), std::regex::optimize),
                 std::vector<int>(general.possible_length().begin(), general.possible_length().end())});
            for (const PhoneNumberDesc *range :
                 {&metadata.fixed_line(), &metadata.mobile(), &metadata.toll_free(), &metadata.premium_rate(),
                  &metadata.shared_cost(), &metadata.personal_number(), &metadata.voip(), &metadata.pager(),
                  &metadata.uan(), &metadata.voicemail()})
                if (!range->example_number().empty())
                    examples.push_back(std::to_string(metadata.country_code()) + range->example_number());
        }
    }

    // How many of the digits are the calling code; 0 if none are.
    size_t code_length(const std::string &digits) const
    {
        for (size_t length = 1; length <= 3 && length <= digits.size(); length++)
            if (digits[0] != '0' && codes.count(std::stoi(digits.substr(0, length))) > 0)
                return length;
        return 0;
    }
};

// The number exactly as it stands: leading zeros are kept beside the value, as the library does.
PhoneNumber number_of(int code, const std::string &national)
{
    PhoneNumber number;
    number.set_country_code(code);
    number.set_national_number(std::stoull(national));
    size_t zeros = std::min(national.find_first_not_of('0'), national.size() - 1);
    if (zeros > 0) {
        number.set_italian_leading_zero(true);
        number.set_number_of_leading_zeros(static_cast<int>(zeros));
    }
    return number;
}

class Comparison
{
  public:
    explicit Comparison(const Library &subject) : library(subject)
    {
    }

    void judge(const std::string &digits)
    {
        judged++;
        size_t code_length = library.code_length(digits);
        if (code_length == 0)
            judge_without_code(digits);
        else if (digits.size() > PHONE_DIGITS)
            expect(digits, "over 15 digits", fault(digits, PHONE_POSSIBLE) == PHONE_FAULT_LENGTH);
        else if (digits.size() == code_length)
            expect(digits, "a calling code only", fault(digits, PHONE_POSSIBLE) == PHONE_FAULT_LENGTH);
        else
            judge_national(digits, std::stoi(digits.substr(0, code_length)), digits.substr(code_length));
    }

    // Ends one kind of numbers. Returns true if the two agreed on all of them.
    bool report(const char *kind)
    {
        std::printf("%s: %zu numbers, %zu possible, %zu fit the plan, %zu assigned, %zu asked for their countries; %zu "
                    "disagreements\n",
                    kind, judged, possible, planned, assigned, shared, disagreements);
        bool agreed = disagreements == 0 && assigned > 0;
        judged = possible = planned = assigned = shared = disagreements = 0;
        return agreed;
    }

  private:
    const Library &library;
    size_t judged = 0, possible = 0, planned = 0, assigned = 0, shared = 0, disagreements = 0;

    void expect(const std::string &digits, const char *what, bool holds)
    {
        if (!holds && disagreements++ < disagreements_shown)
            std::fprintf(stderr, "+%s: %s\n", digits.c_str(), what);
    }

    static bool has(const std::string &digits, phone_level level)
    {
        return phone_has_level(span_of(digits.data(), digits.size()), level);
    }

    static phone_fault fault(const std::string &digits, phone_level level)
    {
        char message[PHONE_MESSAGE_BYTES];
        return phone_fault_of(span_of(digits.data(), digits.size()), level, message);
    }

    void judge_without_code(const std::string &digits)
    {
        phone_fault expected = digits.size() > PHONE_DIGITS ? PHONE_FAULT_LENGTH : PHONE_FAULT_CALLING_CODE;
        for (phone_level level : {PHONE_POSSIBLE, PHONE_PLAN, PHONE_ASSIGNED})
            expect(digits, "no calling code", !has(digits, level) && fault(digits, level) == expected);
    }

    void judge_national(const std::string &digits, int code, const std::string &national)
    {
        PhoneNumber number = number_of(code, national);
        PhoneNumberUtil::ValidationResult reason = library.util.IsPossibleNumberWithReason(number);
        bool is_possible = reason == PhoneNumberUtil::IS_POSSIBLE;
        bool is_local = reason == PhoneNumberUtil::IS_POSSIBLE_LOCAL_ONLY;
        bool is_valid = library.util.IsValidNumber(number);
        bool fits = is_possible && fits_plan(code, national);

        expect(digits, "possible", has(digits, PHONE_POSSIBLE) == is_possible);
        expect(digits, "plan", has(digits, PHONE_PLAN) == fits);
        expect(digits, "assigned", has(digits, PHONE_ASSIGNED) == (is_valid && is_possible));
        // The library calls a few numbers valid that can be dialled only from nearby; the contract refuses them.
        expect(digits, "valid, but neither possible nor local", !is_valid || is_possible || is_local);
        judge_faults(digits, digits.size() - national.size(), is_local);
        possible += is_possible;
        planned += fits;
        assigned += is_valid && is_possible;
        if (is_valid && is_possible && library.codes.at(code).size() > 1 && assigned % shared_sampling == 0)
            judge_countries(digits, code, number);
    }

    bool fits_plan(int code, const std::string &national) const
    {
        for (const Territory &territory : library.codes.at(code))
            if (std::count(territory.lengths.begin(), territory.lengths.end(), static_cast<int>(national.size())) > 0 &&
                std::regex_match(national, territory.general))
                return true;
        return false;
    }

    void judge_faults(const std::string &digits, size_t code_length, bool is_local)
    {
        for (phone_level level : {PHONE_POSSIBLE, PHONE_PLAN, PHONE_ASSIGNED}) {
            phone_fault found = fault(digits, level);
            if (has(digits, level)) {
                expect(digits, "a fault of a number without fault", found == PHONE_FAULT_NONE);
                continue;
            }
            bool goes_on = false; // behind a number that is whole
            for (size_t length = code_length + 1; length < digits.size(); length++)
                goes_on |= has(digits.substr(0, length), level);
            bool by_length = is_local || goes_on || level == PHONE_POSSIBLE;
            expect(digits, "the kind of fault",
                   found == PHONE_FAULT_LENGTH || (found == PHONE_FAULT_AREA_CODE && !by_length));
        }
    }

    void judge_countries(const std::string &digits, int code, const PhoneNumber &number)
    {
        char countries[PHONE_COUNTRIES][3];
        uint32_t count = phone_countries(span_of(digits.data(), digits.size()), countries);
        std::vector<std::string> ours(countries, countries + count), theirs;
        for (const Territory &territory : library.codes.at(code))
            if (library.util.IsValidNumberForRegion(number, territory.name))
                theirs.push_back(territory.name);
        std::sort(ours.begin(), ours.end());
        std::sort(theirs.begin(), theirs.end());
        expect(digits, "countries", ours == theirs);
        shared++;
    }
};

class Numbers
{
  public:
    Numbers(const Library &subject, unsigned seed) : library(subject), random(seed)
    {
        for (const auto &entry : library.codes)
            codes.push_back(std::to_string(entry.first));
    }

    // One digit changed, dropped, doubled or added, at every place.
    static std::vector<std::string> neighbours(const std::string &number)
    {
        std::vector<std::string> all{number};
        for (size_t at = 0; at < number.size(); at++) {
            for (char digit = '0'; digit <= '9'; digit++)
                if (digit != number[at])
                    all.push_back(number.substr(0, at) + digit + number.substr(at + 1));
            all.push_back(number.substr(0, at) + number.substr(at + 1));
            all.push_back(number.substr(0, at) + number[at] + number.substr(at));
        }
        return all;
    }

    // A random number of every length behind every calling code.
    std::vector<std::string> every_length()
    {
        std::vector<std::string> all;
        for (const std::string &code : codes)
            for (int length = 0; length <= longest_national; length++)
                all.push_back(code + digits(length));
        return all;
    }

    // Half of them begin like an example, some with its length, the rest follow a calling code or nothing at all.
    std::string any()
    {
        size_t kind = random() % 16;
        if (kind < 8) {
            const std::string &example = library.examples[random() % library.examples.size()];
            size_t kept = random() % (example.size() + 1);
            bool same_length = kind < 6;
            return example.substr(0, kept) + digits(same_length ? example.size() - kept : random() % longest_national);
        }
        if (kind < 15)
            return codes[random() % codes.size()] + digits(random() % (longest_national + 1));
        return digits(random() % (longest_national + 3));
    }

  private:
    const Library &library;
    std::mt19937 random;
    std::vector<std::string> codes;

    std::string digits(size_t length)
    {
        std::string text;
        while (text.size() < length)
            text += static_cast<char>('0' + random() % 10);
        return text;
    }
};
} // namespace

int main(int count, char **arguments)
{
    size_t wanted = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 200000;
    unsigned seed = count > 2 ? static_cast<unsigned>(std::strtoul(arguments[2], nullptr, 10)) : 1;
    Library library;
    Comparison comparison(library);
    Numbers numbers(library, seed);
    size_t done = 0;
    int passed = 0;

    for (const std::string &example : library.examples)
        for (const std::string &number : Numbers::neighbours(example)) {
            comparison.judge(number);
            done++;
        }
    passed += comparison.report("examples and their neighbours");
    for (const std::string &number : numbers.every_length()) {
        comparison.judge(number);
        done++;
    }
    passed += comparison.report("every calling code and length");
    for (; done < wanted; done++)
        comparison.judge(numbers.any());
    passed += comparison.report("random numbers");
    std::printf("%d passed, %d failed\n", passed, 3 - passed);
    return passed == 3 ? 0 : 1;
}
