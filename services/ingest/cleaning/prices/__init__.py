"""Prices: reads them as people and programs write them, as an exact amount and an ISO 4217 currency. Pure."""

from services.ingest.cleaning.prices.amounts import PRICE_LIMIT
from services.ingest.cleaning.prices.currencies import read_currency
from services.ingest.cleaning.prices.notation import PriceNotation
from services.ingest.cleaning.prices.parsing import Price, PriceError, is_absurd, parse_price

__all__ = ["PRICE_LIMIT", "Price", "PriceError", "PriceNotation", "is_absurd", "parse_price", "read_currency"]
