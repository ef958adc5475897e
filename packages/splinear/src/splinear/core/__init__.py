"""Shared types: results, certificates, the one loop, checks, randomness."""

from splinear.core.certificate import Certificate as Certificate
from splinear.core.certificate import certify as certify
from splinear.core.certificate import gap_scale as gap_scale
from splinear.core.certificate import relative_gap as relative_gap
from splinear.core.iterate import Method as Method
from splinear.core.iterate import iterate as iterate
from splinear.core.result import Result as Result
from splinear.core.status import Status as Status
