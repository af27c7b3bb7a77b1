"""Telling the operator's webhook, in one way for whatever there is to tell.

Belongs here: how a message is sent, signed and tried again. Does not belong here: what is told and when.

The body is JSON. Where a secret is set, the header ``X-Forecaster-Signature`` holds ``sha256=`` and the
HMAC-SHA256 (RFC 2104) of the body's bytes in hexadecimal, so that a receiver knows who sent it.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from orchestration.settings import Settings

SIGNATURE = "X-Forecaster-Signature"


def signature_of(body: bytes, secret: str) -> str:
    """What the header ``X-Forecaster-Signature`` of a body holds."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def tell(
    settings: Settings,
    message: Mapping[str, Any],
    *,
    seconds: float,
    pauses: tuple[float, ...] = (),
) -> str | None:
    """Send a message; returns what went wrong the last time, without the URL, which may be a secret.

    Args:
        settings: with the webhook that is told and the secret it is signed with.
        message: sent as JSON.
        seconds: all that one attempt may take, the name's resolution included.
        pauses: seconds to wait before each further attempt; none makes one attempt.

    Raises:
        ValueError: no webhook is set.
    """
    if settings.alert_webhook_url is None:
        raise ValueError("no webhook is set")
    body = json.dumps(message).encode()
    headers = {"Content-Type": "application/json"}
    if settings.alert_webhook_secret is not None:
        headers[SIGNATURE] = signature_of(body, settings.alert_webhook_secret.get_secret_value())
    url = settings.alert_webhook_url.get_secret_value()
    problem = _post(url, body, headers, seconds)
    for pause in pauses:
        if problem is None:
            break
        time.sleep(pause)
        problem = _post(url, body, headers, seconds)
    return problem


def _post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> str | None:
    def send() -> None:
        request = urllib.request.Request(url, data=body, headers=dict(headers))
        urllib.request.urlopen(request, timeout=seconds).close()

    pool = ThreadPoolExecutor(1)
    try:
        pool.submit(send).result(timeout=seconds)
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answered {error.code} {error.reason}"
    except urllib.error.URLError as error:
        return f"it cannot be reached ({error.reason})"
    except TimeoutError:
        return f"it did not answer within {seconds:g} seconds"
    except (OSError, http.client.HTTPException) as error:
        return f"it cannot be reached ({type(error).__name__})"
    except ValueError:
        return "FORECASTER_ALERT_WEBHOOK_URL is not a URL"
    finally:
        pool.shutdown(wait=False)
    return None
