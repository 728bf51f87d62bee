// Prints the metadata that the installed libphonenumber was built with as a numbering plan, in the format that is told
// at the top of common/data/numbering-plan.txt. So our compiler and walk can be judged on the library's own facts.
#include <phonenumbers/phonemetadata.pb.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace i18n::phonenumbers
{
// Exported by the library, but in none of its installed headers.
int metadata_size();
const void *metadata_get();
} // namespace i18n::phonenumbers

namespace
{
using i18n::phonenumbers::PhoneMetadata;
using i18n::phonenumbers::PhoneNumberDesc;

template <typename Lengths> void print_lengths(const char *name, const Lengths &lengths)
{
    std::printf("%s", name);
    for (int length : lengths)
        std::printf(" %d", length);
    std::printf("\n");
}

void print_range(const char *name, const PhoneNumberDesc &range, const PhoneNumberDesc &general)
{
    bool is_absent = range.possible_length_size() > 0 && range.possible_length(0) == -1;
    if (is_absent || range.national_number_pattern().empty() || range.national_number_pattern() == "NA")
        return;
    print_lengths(name, range.possible_length_size() > 0 ? range.possible_length() : general.possible_length());
    std::printf("= %s\n", range.national_number_pattern().c_str());
    if (!range.example_number().empty())
        std::printf("example %s\n", range.example_number().c_str());
}

void print_territory(const PhoneMetadata &metadata)
{
    const PhoneNumberDesc &general = metadata.general_desc();
    std::printf("territory %s\n", metadata.id().c_str());
    print_lengths("lengths", general.possible_length());
    if (general.possible_length_local_only_size() > 0)
        print_lengths("local", general.possible_length_local_only());
    if (metadata.has_leading_digits())
        std::printf("leading\n= %s\n", metadata.leading_digits().c_str());
    std::printf("general\n= %s\n", general.national_number_pattern().c_str());
    print_range("fixed", metadata.fixed_line(), general);
    print_range("mobile", metadata.mobile(), general);
    print_range("toll-free", metadata.toll_free(), general);
    print_range("premium", metadata.premium_rate(), general);
    print_range("shared-cost", metadata.shared_cost(), general);
    print_range("personal", metadata.personal_number(), general);
    print_range("voip", metadata.voip(), general);
    print_range("pager", metadata.pager(), general);
    print_range("uan", metadata.uan(), general);
    print_range("voicemail", metadata.voicemail(), general);
}
} // namespace

int main()
{
    i18n::phonenumbers::PhoneMetadataCollection collection;
    if (!collection.ParseFromArray(i18n::phonenumbers::metadata_get(), i18n::phonenumbers::metadata_size())) {
        std::fprintf(stderr, "the library's metadata cannot be read\n");
        return 1;
    }
    std::map<int, std::vector<const PhoneMetadata *>> codes;
    for (const PhoneMetadata &metadata : collection.metadata()) {
        std::vector<const PhoneMetadata *> &territories = codes[metadata.country_code()];
        territories.insert(metadata.main_country_for_code() ? territories.begin() : territories.end(), &metadata);
    }
    std::printf("# The metadata of the installed libphonenumber, which does not tell its release.\nversion 0\n");
    for (const auto &[code, territories] : codes) {
        std::printf("\ncode %d\n", code);
        for (const PhoneMetadata *metadata : territories)
            print_territory(*metadata);
    }
    return std::fflush(stdout) == 0 ? 0 : 1;
}
