"""ISO 4217: the active currency codes and how many decimals each has.

Money only: funds codes, precious metals, testing codes and units of account are left out, no till sells in them.
"""

from collections.abc import Mapping
from typing import Final

_BY_DECIMALS: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK
        DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK
        LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR
        RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED
        VES WST XCD XCG YER ZAR ZMW ZWG
    """,
}

DECIMALS: Final[Mapping[str, int]] = {
    code: decimals for decimals, codes in sorted(_BY_DECIMALS.items()) for code in codes.split()
}


def currency(text: str) -> str:
    """A currency code; ValueError says what is wrong."""
    if text in DECIMALS:
        return text
    raise ValueError(f"must be an ISO 4217 currency code like EUR, is {text[:20]!r}")
