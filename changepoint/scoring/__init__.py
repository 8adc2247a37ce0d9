"""How good a segmentation is: scores against annotations, and over a posterior.

    from changepoint import scoring

    scoring.f1(annotations, [28, 61])              a list of changes against annotations
    scoring.expected(posterior, annotations)       a posterior against annotations
    scoring.estimate(posterior, loss="covering")   the list of changes to report

Scores are those of the Turing Change Point Dataset (van den Burg and Williams 2020). Changes
are named by the 0-based row of the first row of the new segment, 1..T-1; an empty sequence
means no change. `annotations` are the rows of one annotator, or a mapping or sequence of
several annotators' rows.

Which one to use. F1 asks whether changes were found, each to within `margin` rows, and is
for changes as events: what happened then? A change missed and a false one cost the same.
Covering asks whether rows are grouped together rightly, weighs segments by their length, and
is for levels: what held when? A short segment costs little, wrong or missed, and there is no
margin to choose. Precision and recall are the parts of F1. Hausdorff is the worst error of
place in rows, and one stray change spoils it. The annotation error compares numbers only.
"""

from changepoint.scoring.expectation import Expected as Expected
from changepoint.scoring.expectation import expected as expected
from changepoint.scoring.scores import annotation_error as annotation_error
from changepoint.scoring.scores import covering as covering
from changepoint.scoring.scores import f1 as f1
from changepoint.scoring.scores import hausdorff as hausdorff
from changepoint.scoring.scores import precision as precision
from changepoint.scoring.scores import recall as recall
from changepoint.scoring.search import estimate as estimate
