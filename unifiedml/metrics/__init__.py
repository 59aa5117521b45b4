"""Metrics: what is reported beside the loss."""

from unifiedml.metrics._accuracy import Accuracy as Accuracy
from unifiedml.metrics._base import Mean as Mean
from unifiedml.metrics._base import Metric as Metric
from unifiedml.metrics._base import get as get

__all__ = ["Accuracy", "Mean", "Metric", "get"]
