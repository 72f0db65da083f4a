"""The requests and answers of both apps, as msgspec structs that state each field once.

The apps, the client and the documentation import them; the package itself imports only msgspec and `services.settings`.
`import A as A` marks a name that the package exports.
"""

from services.wire.attributes import AttributeFilter as AttributeFilter
from services.wire.attributes import AttributeValue as AttributeValue
from services.wire.attributes import FacetAnswer as FacetAnswer
from services.wire.attributes import FacetCount as FacetCount
from services.wire.attributes import NumberRange as NumberRange
from services.wire.bulk import BulkMode as BulkMode
from services.wire.bulk import BulkOptions as BulkOptions
from services.wire.deletions import ListingDeletion as ListingDeletion
from services.wire.deletions import ListingsDeleted as ListingsDeleted
from services.wire.ingest import DriftAnswer as DriftAnswer
from services.wire.ingest import DuplicateDecision as DuplicateDecision
from services.wire.ingest import DuplicateGroup as DuplicateGroup
from services.wire.ingest import DuplicateGroupPage as DuplicateGroupPage
from services.wire.ingest import DuplicateLink as DuplicateLink
from services.wire.ingest import GenerationAnswer as GenerationAnswer
from services.wire.ingest import IndexRecall as IndexRecall
from services.wire.ingest import JobAnswer as JobAnswer
from services.wire.ingest import JobList as JobList
from services.wire.ingest import JobProgressAnswer as JobProgressAnswer
from services.wire.ingest import JobQueued as JobQueued
from services.wire.ingest import ModelCard as ModelCard
from services.wire.ingest import RecallAnswer as RecallAnswer
from services.wire.ingest import ReindexRequest as ReindexRequest
from services.wire.ingest import RejectAnswer as RejectAnswer
from services.wire.ingest import SearchRecall as SearchRecall
from services.wire.ingest import WarningAnswer as WarningAnswer
from services.wire.listings import ListingChange as ListingChange
from services.wire.listings import ListingWritten as ListingWritten
from services.wire.listings import NewListing as NewListing
from services.wire.listings import WholeListing as WholeListing
from services.wire.listings import WriteWarning as WriteWarning
from services.wire.listings import WrittenPhoto as WrittenPhoto
from services.wire.search import MAX_BATCH as MAX_BATCH
from services.wire.search import MAX_FILTER_VALUES as MAX_FILTER_VALUES
from services.wire.search import MAX_K as MAX_K
from services.wire.search import MAX_RECOMMENDATION_LISTINGS as MAX_RECOMMENDATION_LISTINGS
from services.wire.search import BatchSearch as BatchSearch
from services.wire.search import CropText as CropText
from services.wire.search import Recommendation as Recommendation
from services.wire.search import SearchFields as SearchFields
from services.wire.search import SearchOptions as SearchOptions
from services.wire.search import SearchParameters as SearchParameters
from services.wire.search import SharedOptions as SharedOptions
from services.wire.search import StoredSearch as StoredSearch
from services.wire.search import Strategy as Strategy
from services.wire.search import TextOptions as TextOptions
from services.wire.search_answers import AttributeSummary as AttributeSummary
from services.wire.search_answers import BatchAnswer as BatchAnswer
from services.wire.search_answers import BatchEntry as BatchEntry
from services.wire.search_answers import BatchProblem as BatchProblem
from services.wire.search_answers import CategoryCount as CategoryCount
from services.wire.search_answers import CategoryProbability as CategoryProbability
from services.wire.search_answers import Classification as Classification
from services.wire.search_answers import Duplicate as Duplicate
from services.wire.search_answers import ListingAnswer as ListingAnswer
from services.wire.search_answers import ListingPhoto as ListingPhoto
from services.wire.search_answers import ListingSummary as ListingSummary
from services.wire.search_answers import NewestListings as NewestListings
from services.wire.search_answers import NoResults as NoResults
from services.wire.search_answers import Plan as Plan
from services.wire.search_answers import Result as Result
from services.wire.search_answers import SearchAnswer as SearchAnswer
