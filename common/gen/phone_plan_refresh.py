#!/usr/bin/env python3
"""Prints the numbering plan (common/data/numbering-plan.txt) as the installed `phonenumbers` package knows it.

`make phone-plan` installs the newest release of that package into a folder of its own and runs this with it. The facts
are libphonenumber's; only what decides whether a number exists is taken: no formats, no national prefixes.
"""

import sys

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

HEADER = """\
# The world's numbering plan: which telephone numbers can be, and which are in use.
#
# Source: the metadata of libphonenumber, release {version}, by the Libphonenumber Authors, under the Apache License 2.0;
# read from the Python package `phonenumbers` of the same number. Written by `make phone-plan`; do not edit by hand.
#
# One element a line, digits are national ones (those after the calling code):
#   version V        the release that these facts are from
#   code N           a calling code; its territories follow, the one that speaks for the code first
#   territory AA     a country (ISO 3166-1, also AC, TA, XK); 001 for a code of no country
#   lengths N...     how many digits a number may have
#   local N...       lengths that can be dialled only from nearby
#   leading          beginnings that tell the territory from others of its code
#   general          what every number of the territory looks like
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
