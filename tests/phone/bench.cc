// bench: what one number costs, here and in libphonenumber, in the same run on the same numbers. Each figure is the
// best of several rounds. The numbers are the library's examples and random ones that begin like them, in random order.
#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <random>
#include <set>
#include <string>
#include <vector>

extern "C" {
#include "common/phone.h"
}

namespace
{
using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

constexpr int rounds = 7;
constexpr size_t random_per_example = 100;
constexpr size_t library_numbers = 5000;

std::vector<std::string> numbers_of(const PhoneNumberUtil &util)
{
    std::set<std::string> regions;
    util.GetSupportedRegions(&regions);
    std::mt19937 random(1);
    std::vector<std::string> numbers;
    for (const std::string &region : regions) {
        for (int type = PhoneNumberUtil::FIXED_LINE; type <= PhoneNumberUtil::VOICEMAIL; type++) {
            PhoneNumber example;
            if (!util.GetExampleNumberForType(region, static_cast<PhoneNumberUtil::PhoneNumberType>(type), &example))
                continue;
            std::string text;
            util.Format(example, PhoneNumberUtil::E164, &text);
            numbers.push_back(text);
            for (size_t i = 0; i < random_per_example; i++) {
                for (size_t at = text.size() - 1 - random() % 6; at < text.size(); at++)
                    text[at] = static_cast<char>('0' + random() % 10);
                numbers.push_back(text);
            }
        }
    }
    std::shuffle(numbers.begin(), numbers.end(), random);
    return numbers;
}

// Nanoseconds that this thread has run.
double processor_time()
{
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Nanoseconds for one of `count` numbers; `judge` takes a number's index and tells whether it is good.
template <typename Judge> void measure(const char *name, size_t count, Judge judge)
{
    double best = 0;
    size_t good = 0;
    for (int round = 0; round < rounds; round++) {
        good = 0;
        double begin = processor_time();
        for (size_t i = 0; i < count; i++)
            good += judge(i);
        double each = (processor_time() - begin) / static_cast<double>(count);
        best = round == 0 ? each : std::min(best, each);
    }
    std::printf("%-44s %9.1f ns  (%zu of %zu good)\n", name, best, good, count);
}
} // namespace

int main()
{
    const PhoneNumberUtil &util = *PhoneNumberUtil::GetInstance();
    const std::vector<std::string> numbers = numbers_of(util);
    const size_t few = std::min(numbers.size(), library_numbers);
    std::vector<PhoneNumber> parsed(few);
    for (size_t i = 0; i < few; i++)
        if (util.Parse(numbers[i], "ZZ", &parsed[i]) != PhoneNumberUtil::NO_PARSING_ERROR)
            parsed[i].Clear();

    auto digits_of = [&numbers](size_t i) { return span_of(numbers[i].data() + 1, numbers[i].size() - 1); };
    measure("phone_has_level, possible", numbers.size(),
            [&](size_t i) { return phone_has_level(digits_of(i), PHONE_POSSIBLE); });
    measure("phone_has_level, plan", numbers.size(),
            [&](size_t i) { return phone_has_level(digits_of(i), PHONE_PLAN); });
    measure("phone_has_level, assigned", numbers.size(),
            [&](size_t i) { return phone_has_level(digits_of(i), PHONE_ASSIGNED); });
    measure("phone_fault_of with its message, assigned", numbers.size(), [&](size_t i) {
        char message[PHONE_MESSAGE_BYTES];
        return phone_fault_of(digits_of(i), PHONE_ASSIGNED, message) == PHONE_FAULT_NONE;
    });
    measure("phone_countries", numbers.size(), [&](size_t i) {
        char countries[PHONE_COUNTRIES][3];
        return phone_countries(digits_of(i), countries) > 0;
    });
    measure("libphonenumber, IsValidNumber", few, [&](size_t i) { return util.IsValidNumber(parsed[i]); });
    measure("libphonenumber, Parse and IsValidNumber", few, [&](size_t i) {
        PhoneNumber number;
        return util.Parse(numbers[i], "ZZ", &number) == PhoneNumberUtil::NO_PARSING_ERROR && util.IsValidNumber(number);
    });
    return 0;
}
