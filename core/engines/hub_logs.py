"""What the Hub's client and transformers write when a model or tokenizer cannot be had.

Wording: huggingface_hub 0.20 to 2.4, transformers 4.40 to 5.23. Order matters: causes stand
before the sentences that wrap them, lines with names before lines without.
"""

from __future__ import annotations

import re

from core.engines.base import Signature
from core.values import FailureKind

# The files that a tokenizer is read from.
_TOKENIZER_FILE = r"(?:tokenizer(?:_config)?\.json|tokenizer\.model|vocab\.json|merges\.txt)"

_ACCESS = (
    Signature(
        FailureKind.OFFLINE,
        re.compile(
            r"(?i)outgoing traffic has been disabled|OfflineModeIsEnabled|offline mode is enabled"
            r"|local_files_only=True.*not (?:found|cached)"
        ),
        "the model is not in the cache and the Hub is switched off (HF_HUB_OFFLINE)",
        "unset HF_HUB_OFFLINE (and TRANSFORMERS_OFFLINE), or name a local folder as the model",
    ),
    Signature(
        FailureKind.MODEL_GATED,
        re.compile(
            r"(?i)Access to model (?P<model>\S+) is restricted and you are not in the authorized"
        ),
        "the model {model} is gated, and this token's account has not been let in",
        "ask for access on the model's page on the Hub with the account of HF_TOKEN",
    ),
    Signature(
        FailureKind.MODEL_GATED,
        re.compile(
            # Of any repository that is not found the Hub adds "a private or gated repo".
            r"(?i)access (?:a )?gated repo\b|is a gated repository|GatedRepoError"
            r"|Access to model (?P<model>\S+) is restricted"
        ),
        "the model is gated",
        "accept its licence on the Hub and set HF_TOKEN",
    ),
    Signature(
        FailureKind.MODEL_GATED,
        re.compile(
            r"(?i)Invalid credentials in Authorization header|Invalid user token"
            r"|User Access Token .{0,80}(?:expired|invalid)|Token is required \("
            r"|LocalTokenNotFoundError"
        ),
        "the Hub does not accept the token, or wants one",
        "set HF_TOKEN to a valid token (hf auth whoami tells whose it is)",
    ),
    Signature(
        FailureKind.MODEL_GATED,
        re.compile(
            r"(?i)\b403 (?:Forbidden|Client Error)\b.*"
            r"(?:huggingface|hf\.co|gated|fine-grained|token)"
        ),
        "the token may not read this model",
        "give the token of HF_TOKEN the right to read gated repositories, or use another",
    ),
)

_NAMES = (
    Signature(
        FailureKind.TOKENIZER,
        re.compile(r"Can't load (?:the )?tokenizer for '(?P<name>[^']+)'"),
        "the tokenizer {name} cannot be loaded",
        "set tokenizer in the task to a folder or repository that has one",
    ),
    Signature(
        FailureKind.TOKENIZER,
        re.compile(
            r"Tokenizer class \S+ .*(?:not found|not currently imported|does not exist)"
            r"|Unrecognized processing class in|Couldn't instantiate the backend tokenizer"
            r"|data did not match any variant of untagged enum \w*(?:Wrapper|Tokenizer)"
            r"|does not appear to have a file named " + _TOKENIZER_FILE
        ),
        "the tokenizer cannot be loaded here",
        "set tokenizer in the task to a folder with tokenizer.json of a standard class, or "
        "update the engine",
    ),
    Signature(
        FailureKind.MODEL_MISSING,
        re.compile(r"Repo id must be in the form .*?: '(?P<model>[^']*)'"),
        "there is no model folder {model}",
        "correct the path in the task, or write the model as owner/name",
    ),
    Signature(
        FailureKind.MODEL_MISSING,
        re.compile(r"Repo id must use alphanumeric chars.*?: '(?P<model>[^']*)'"),
        "{model} is no folder and cannot be a name on the Hub",
        "correct the path in the task, or write the model as owner/name",
    ),
    Signature(
        FailureKind.MODEL_MISSING,
        re.compile(r"(?P<revision>\S+) is not a valid git identifier"),
        "the model has no revision {revision}",
        "name a branch, tag or commit of the model's page on the Hub",
    ),
    Signature(
        FailureKind.MODEL_MISSING,
        re.compile(r"Revision Not Found for url: (?P<url>\S+?)\.?$|RevisionNotFoundError"),
        "the model has no such revision",
        "name a branch, tag or commit of the model's page on the Hub",
    ),
    Signature(
        FailureKind.MODEL_MISSING,
        re.compile(r"(?P<model>\S+) is not a local folder (?:and is not|or) a valid"),
        "there is no model {model}, neither as a folder nor on the Hub",
        "check the name; a private model needs HF_TOKEN",
    ),
    Signature(
        FailureKind.MODEL_MISSING,
        re.compile(
            r"(?:Repository|Entry) Not Found for url|RepositoryNotFoundError"
            r"|Invalid repository ID or local directory specified"
            r"|does not appear to have (?:a file named|files named|any of)"
            r"|[Cc]annot find any model weights|Error no file named \S+"
            r"|Unrecognized model in \S+\. Should have a `?model_type"
        ),
        "the model or one of its files is missing",
        "check the model's name and that the folder has config.json and the weights",
    ),
)

_WAY = (
    Signature(
        FailureKind.PROXY,
        re.compile(
            r"(?i)ProxyError|Unable to connect to proxy|407 Proxy Authentication Required"
            r"|Tunnel connection failed|proxyconnect"
        ),
        "the proxy refuses or cannot be reached",
        "check HTTP_PROXY and HTTPS_PROXY in .env; a container has its own pair",
    ),
    Signature(
        FailureKind.NETWORK,
        re.compile(r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLCertVerificationError"),
        "a certificate on the way to the Hub is not trusted",
        "set SSL_CERT_FILE and REQUESTS_CA_BUNDLE in .env to the bundle that has your proxy's "
        "certificate",
    ),
    Signature(
        FailureKind.NETWORK,
        re.compile(
            r"429 (?:Too Many Requests|Client Error).*(?:rate limit|huggingface|hf\.co)"
            r"|you have reached your '[^']+' rate limit"
        ),
        "the Hub refuses more requests for now (429)",
        "wait and retry; with HF_TOKEN the limit is higher, a local folder needs no request",
    ),
    Signature(
        FailureKind.NETWORK,
        re.compile(
            r"We couldn't connect to '(?P<host>[^']+)'"
        ),
        "{host} cannot be reached",
        "check the network and the proxies in .env, or name a local folder as the model",
    ),
    Signature(
        FailureKind.NETWORK,
        re.compile(
            r"An error happened while trying to locate the files? on the Hub"
            r"|LocalEntryNotFoundError|There was a specific connection error when trying to load"
        ),
        "the Hub cannot be reached, and the files are not in the cache",
        "check the network and the proxies in .env, or name a local folder as the model",
    ),
)  # fmt: skip

MODEL = (*_ACCESS, *_NAMES, *_WAY)
