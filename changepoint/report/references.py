"""What a paper that used this package cites: the entries, and which fit needs which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changepoint.version import RELEASED, __version__

if TYPE_CHECKING:
    from changepoint.answer import Answer

Entry = dict[str, str]

SOFTWARE: Entry = {
    "type": "software",
    "author": "{The changepoint developers}",
    "title": "changepoint: {B}ayesian change points for small rates",
    "version": __version__,
    "year": RELEASED[:4],
}
# Those that docstrings cite; a DOI where there is one that was checked.
WORKS: dict[str, Entry] = {
    "chib1998": {
        "type": "article",
        "author": "Chib, Siddhartha",
        "title": "Estimation and comparison of multiple change-point models",
        "journal": "Journal of Econometrics",
        "volume": "86",
        "pages": "221--241",
        "year": "1998",
        "doi": "10.1016/S0304-4076(97)00115-2",
    },
    "fearnhead2006": {
        "type": "article",
        "author": "Fearnhead, Paul",
        "title": "Exact and efficient {B}ayesian inference for multiple changepoint problems",
        "journal": "Statistics and Computing",
        "volume": "16",
        "pages": "203--213",
        "year": "2006",
        "doi": "10.1007/s11222-006-8450-8",
    },
    "fearnhead2005": {
        "type": "article",
        "author": "Fearnhead, Paul",
        "title": "Exact {B}ayesian curve fitting and signal segmentation",
        "journal": "IEEE Transactions on Signal Processing",
        "volume": "53",
        "pages": "2160--2166",
        "year": "2005",
    },
    "hoeting1999": {
        "type": "article",
        "author": "Hoeting, Jennifer A. and Madigan, David and Raftery, Adrian E. "
        "and Volinsky, Chris T.",
        "title": "{B}ayesian model averaging: a tutorial",
        "journal": "Statistical Science",
        "volume": "14",
        "pages": "382--417",
        "year": "1999",
        "doi": "10.1214/ss/1009212519",
    },
    "skellam1948": {
        "type": "article",
        "author": "Skellam, J. G.",
        "title": "A probability distribution derived from the binomial distribution by "
        "regarding the probability of success as variable between the sets of trials",
        "journal": "Journal of the Royal Statistical Society, Series B",
        "volume": "10",
        "pages": "257--261",
        "year": "1948",
    },
    "lawless1987": {
        "type": "article",
        "author": "Lawless, Jerald F.",
        "title": "Negative binomial and mixed {P}oisson regression",
        "journal": "Canadian Journal of Statistics",
        "volume": "15",
        "pages": "209--225",
        "year": "1987",
        "doi": "10.2307/3314912",
    },
    "ferrari2004": {
        "type": "article",
        "author": "Ferrari, Silvia and Cribari-Neto, Francisco",
        "title": "Beta regression for modelling rates and proportions",
        "journal": "Journal of Applied Statistics",
        "volume": "31",
        "pages": "799--815",
        "year": "2004",
        "doi": "10.1080/0266476042000214501",
    },
    "lange1989": {
        "type": "article",
        "author": "Lange, Kenneth L. and Little, Roderick J. A. and Taylor, Jeremy M. G.",
        "title": "Robust statistical modeling using the t distribution",
        "journal": "Journal of the American Statistical Association",
        "volume": "84",
        "pages": "881--896",
        "year": "1989",
        "doi": "10.1080/01621459.1989.10478852",
    },
    "chib1994": {
        "type": "article",
        "author": "Chib, Siddhartha and Greenberg, Edward",
        "title": "{B}ayes inference in regression models with {ARMA}(p, q) errors",
        "journal": "Journal of Econometrics",
        "volume": "64",
        "pages": "183--206",
        "year": "1994",
    },
    "mosimann1962": {
        "type": "article",
        "author": "Mosimann, James E.",
        "title": "On the compound multinomial distribution, the multivariate "
        "beta-distribution, and correlations among proportions",
        "journal": "Biometrika",
        "volume": "49",
        "pages": "65--82",
        "year": "1962",
        "doi": "10.1093/biomet/49.1-2.65",
    },
    "gelman2013": {
        "type": "book",
        "author": "Gelman, Andrew and Carlin, John B. and Stern, Hal S. and Dunson, David B. "
        "and Vehtari, Aki and Rubin, Donald B.",
        "title": "{B}ayesian Data Analysis",
        "edition": "3",
        "publisher": "Chapman and Hall/CRC",
        "year": "2013",
    },
    "hoffman2014": {
        "type": "article",
        "author": "Hoffman, Matthew D. and Gelman, Andrew",
        "title": "The {No-U-Turn} sampler: adaptively setting path lengths in {H}amiltonian "
        "{M}onte {C}arlo",
        "journal": "Journal of Machine Learning Research",
        "volume": "15",
        "pages": "1593--1623",
        "year": "2014",
    },
    "vehtari2021": {
        "type": "article",
        "author": "Vehtari, Aki and Gelman, Andrew and Simpson, Daniel and Carpenter, Bob "
        'and B{\\"u}rkner, Paul-Christian',
        "title": "Rank-normalization, folding, and localization: an improved R-hat for "
        "assessing convergence of {MCMC}",
        "journal": "Bayesian Analysis",
        "volume": "16",
        "pages": "667--718",
        "year": "2021",
        "doi": "10.1214/20-BA1221",
    },
    "pymc2023": {
        "type": "article",
        "author": "Abril-Pla, Oriol and others",
        "title": "{PyMC}: a modern, and comprehensive probabilistic programming framework in "
        "{P}ython",
        "journal": "PeerJ Computer Science",
        "volume": "9",
        "pages": "e1516",
        "year": "2023",
        "doi": "10.7717/peerj-cs.1516",
    },
}
# By family; what isn't named needs no reference.
OF_FAMILY = {
    "beta-binomial": ("skellam1948",),
    "negative-binomial": ("lawless1987",),
    "spiked-beta-binomial": ("skellam1948",),
    "spiked-negative-binomial": ("lawless1987",),
    "beta": ("ferrari2004",),
    "student-t": ("lange1989",),
    "multinomial": ("mosimann1962",),
    "categorical": ("mosimann1962",),
    "normal-mean-variance": ("gelman2013",),
    "trend": ("fearnhead2005",),
    "autoregressive": ("chib1994",),
    "autoregressive-trend": ("fearnhead2005", "chib1994"),
}
EXACT, SAMPLED = ("chib1998", "fearnhead2006"), ("pymc2023", "hoffman2014", "vehtari2021")


def cited(posterior: Answer) -> list[str]:
    """Return the keys of the works that a fit rests on, each once."""
    engine, model = posterior.engine, posterior.model
    keys = list(EXACT if engine["name"] == "exact" else SAMPLED)
    if engine["settings"].get("switchpoints") == "gibbs":
        keys.append("chib1998")  # the block of all switchpoints
    for family in posterior.likelihoods:
        keys += OF_FAMILY.get(family.name, ())
    unsure = [e for e in getattr(model, "effects", ()) if e.probability < 1]
    if len(posterior.likelihoods) > 1 or unsure:
        keys.append("hoeting1999")
    return list(dict.fromkeys(keys))


def bibtex(posterior: Answer) -> str:
    """Return the package's own entry, and those of the works that a fit rests on."""
    entries = {"changepoint": SOFTWARE, **{key: WORKS[key] for key in cited(posterior)}}
    told = []
    for key, entry in entries.items():
        lines = [f"  {name} = {{{text}}}," for name, text in entry.items() if name != "type"]
        told.append("\n".join([f"@{entry['type']}{{{key},", *lines, "}"]))
    return "\n\n".join(told) + "\n"


def in_words(entry: Entry) -> str:
    """Return an entry as a list of references has it."""

    def bare(text: str) -> str:
        return text.replace('{\\"u}', "ü").translate({ord("{"): None, ord("}"): None})

    names = [_name(bare(name)) for name in entry["author"].split(" and ")]
    told = f"{', '.join(names)} ({entry['year']}). {bare(entry['title'])}."
    if "journal" in entry:
        pages = entry["pages"].replace("--", "\N{EN DASH}")
        told += f" {entry['journal']} {entry['volume']}, {pages}."
    if "publisher" in entry:
        told += f" {entry['edition']}rd ed., {entry['publisher']}."
    if "version" in entry:
        told += f" Version {entry['version']}."
    return f"{told} doi:{entry['doi']}" if "doi" in entry else told


def _name(name: str) -> str:
    """Return "J. G. Skellam" of "Skellam, J. G."; "et al." of others."""
    if name == "others":
        return "et al."
    last, _, first = name.partition(", ")
    return f"{first} {last}".strip()
