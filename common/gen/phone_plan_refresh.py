#!/usr/bin/env python3
"""Prints the numbering plan (common/data/numbering-plan.txt) from the installed `phonenumbers` package.

`make phone-plan` installs the newest release of that package into its own folder and runs this script with it. The data are
libphonenumber's; only the data about the existence of a number are used: no formats, no national prefixes.
"""

import sys

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

HEADER = """\
# The world's numbering plan: which telephone numbers are possible, and which are in use.
#
# Source: the metadata of libphonenumber, release {version}, by the Libphonenumber Authors, under the Apache License 2.0;
# read from the Python package `phonenumbers` of the same number. Written by `make phone-plan`; do not edit by hand.
#
# One element per line; digits are national ones (those after the calling code):
#   version V        the release of the metadata
#   code N           a calling code; its territories follow, the main one first
#   territory AA     a country (ISO 3166-1, also AC, TA, XK); 001 for a code of no country
#   lengths N...     the possible numbers of digits
#   local N...       lengths that can be dialled only locally
#   leading          leading digits that distinguish the territory from others of its code
#   general          the pattern of every number of the territory
#   fixed, mobile, toll-free, premium, shared-cost, personal, voip, pager, uan, voicemail
#                    ranges in use, with the lengths of their numbers
#   example N        a number of the range above
#   = PATTERN        one of the patterns of the element above, a regular expression of digits, \\d, [classes],
#                    (?:groups), | and the counts ? {{n}} {{n,m}}
"""

RANGES = (
    ("fixed", "fixed_line"),
    ("mobile", "mobile"),
    ("toll-free", "toll_free"),
    ("premium", "premium_rate"),
    ("shared-cost", "shared_cost"),
    ("personal", "personal_number"),
    ("voip", "voip"),
    ("pager", "pager"),
    ("uan", "uan"),
    ("voicemail", "voicemail"),
)


def alternatives(pattern):
    """The top-level alternatives of a pattern, so that a change of one range is a change of one line."""
    depth, begin = 0, 0
    for at, character in enumerate(pattern):
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "|" and depth == 0:
            yield pattern[begin:at]
            begin = at + 1
    yield pattern[begin:]


def element(name, lengths, pattern):
    yield " ".join([name, *map(str, lengths)])
    for alternative in alternatives(pattern):
        yield "= " + alternative


def territory(metadata):
    general = metadata.general_desc
    yield "territory " + metadata.id
    yield "lengths " + " ".join(map(str, general.possible_length))
    if general.possible_length_local_only:
        yield "local " + " ".join(map(str, general.possible_length_local_only))
    if metadata.leading_digits:
        yield from element("leading", (), metadata.leading_digits)
    yield from element("general", (), general.national_number_pattern)
    for name, attribute in RANGES:
        kind = getattr(metadata, attribute)
        if kind is None or not kind.national_number_pattern or -1 in (kind.possible_length or ()):
            continue
        # A range without lengths of its own has those of the general description.
        yield from element(name, kind.possible_length or general.possible_length, kind.national_number_pattern)
        if kind.example_number:
            yield "example " + kind.example_number


def plan():
    yield HEADER.format(version=phonenumbers.__version__)
    yield "version " + phonenumbers.__version__
    for code, regions in sorted(COUNTRY_CODE_TO_REGION_CODE.items()):
        yield f"\ncode {code}"
        for region in regions:
            if region == "001":
                yield from territory(PhoneMetadata.metadata_for_nongeo_region(code))
            else:
                yield from territory(PhoneMetadata.metadata_for_region(region))


sys.stdout.write("\n".join(plan()) + "\n")
