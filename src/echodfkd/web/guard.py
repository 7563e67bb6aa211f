"""Who may ask, and what the page may do: every request passes here, and every answer leaves with the same headers."""

import hashlib
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echodfkd.web.settings import is_loopback

OURS = "x-echodfkd"
"""A header that our page sends with all that changes something: another site's page cannot."""
COOKIE = "echodfkd"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
ASK = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>echodfkd</title><link rel="stylesheet" href="/page/style.css">
<main class="ask"><h1>echodfkd</h1>
<form action="/" method="get">
<label>Token <input name="token" type="password" required autocomplete="off"></label> <button>Enter</button>
</form><p>It is printed where <code>echodfkd serve</code> was started.</p></main></html>"""


class Guard:
    """Lets through what comes from our own page, with the `token` where there is one.

    `hosts` are the names that this server goes by: a request that calls it otherwise was led here by another site's
    name server.
    """

    def __init__(self, app: ASGIApp, token: str, host: str):
        self._app, self._token, self._host = app, token, host
        self._proof = hashlib.sha256(f"echodfkd {token}".encode()).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers itself what may not pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        headers = Headers(scope=scope)
        if (refusal := self._refusal(scope, headers)) is not None:
            await JSONResponse({"error": refusal}, 403)(scope, receive, sealed)
        elif not self._token or self._may(headers) or scope["path"] == "/page/style.css":
            await self._app(scope, receive, sealed)
        elif scope["path"] == "/" and self._is_token(parse_qs(scope["query_string"].decode("latin-1")).get("token")):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, self._proof, httponly=True, samesite="strict")
            await answer(scope, receive, sealed)
        elif scope["path"] == "/":
            await HTMLResponse(ASK, 401)(scope, receive, sealed)
        else:
            await JSONResponse({"error": "This server asks for its token."}, 401)(scope, receive, sealed)

    def _refusal(self, scope: Scope, headers: Headers) -> str | None:
        """Why a request is none of ours; None where it may be one."""
        name = (
            headers.get("host", "").rsplit(":", 1)[0] if not headers.get("host", "").endswith("]") else headers["host"]
        )
        if not (is_loopback(name) or not is_loopback(self._host)):
            return "This server goes by another name."
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "This request comes from another site."
        if scope["method"] not in ("GET", "HEAD") and OURS not in headers:
            return f"A request that changes something needs the header {OURS}."
        return None

    def _may(self, headers: Headers) -> bool:
        """Whether the token was shown, or the cookie that we gave for it."""
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token([shown]):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and secrets.compare_digest(cookie.value.encode(), self._proof.encode())

    def _is_token(self, shown: list[str] | None) -> bool:
        return bool(shown) and secrets.compare_digest((shown or [""])[0].encode(), self._token.encode())
