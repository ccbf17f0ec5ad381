"""What the agent is told by its environment. Every value has a range; nothing else is configurable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlsplit

from support_agent.shadow import LIVE, SHADOW

_PACKAGE = Path(__file__).resolve().parent
_POD_DRAIN_S = 2.0


class ConfigError(ValueError):
    """A variable of the environment has a value that cannot be meant. The message names it, never its value."""


@dataclass(frozen=True, slots=True)
class Config:
    """The agent's settings. Times in seconds, lengths in characters, money in the shop's currency."""

    # A container has to listen on its own address, which its image says; anywhere else loopback is enough.
    host: str = "127.0.0.1"
    port: int = 8080
    base_url: str = "https://api.openai.com/v1"
    api_key: str = field(default="", repr=False)
    model: str = "gpt-4.1-mini"
    prompts_dir: Path = Path("prompts")
    data_dir: Path = _PACKAGE / "data"
    company: str = "Fernhill Goods"
    refund_limit: Decimal = Decimal("100.00")
    max_steps: int = 6
    max_input_chars: int = 2000
    max_sessions: int = 1000
    session_ttl_s: float = 1800.0
    history_turns: int = 10
    model_timeout_s: float = 20.0
    model_retries: int = 2
    turn_timeout_s: float = 60.0
    log_level: str = "info"
    # "shadow" records what tools would do to the world instead of doing it; no request can change it.
    mode: str = LIVE
    version: str = "dev"
    # Keeps a record of the last turns for comparison, in live mode too; see shadow.py for who may read it.
    record: bool = False
    model_script: Path | None = None
    # US dollars for a million tokens in and out; the defaults are list prices of the default model and do age.
    prices: tuple[float, float] = (0.40, 1.60)
    # Whether answers tell what they cost: only where somebody set the prices.
    tell_cost: bool = False
    # How long requests are still taken after SIGTERM. In a pod 2 s unless told otherwise: until the endpoints of a
    # Service have forgotten it.
    drain_delay_s: float = 0.0


def from_env(env: Mapping[str, str]) -> Config:
    """The settings that an environment asks for. Raises ConfigError."""
    default = Config()
    in_pod = "KUBERNETES_SERVICE_HOST" in env
    return Config(
        host=env.get("HOST") or default.host,
        port=_whole(env, "PORT", default.port, 1, 65535),
        base_url=_url(env, "OPENAI_BASE_URL", default.base_url),
        api_key=env.get("OPENAI_API_KEY", ""),
        model=env.get("MODEL") or default.model,
        prompts_dir=Path(env["PROMPTS_DIR"]) if env.get("PROMPTS_DIR") else _find_prompts(),
        company=env.get("COMPANY_NAME") or default.company,
        refund_limit=_money(env, "REFUND_LIMIT", default.refund_limit),
        max_steps=_whole(env, "MAX_STEPS", default.max_steps, 1, 50),
        max_input_chars=_whole(env, "MAX_INPUT_CHARS", default.max_input_chars, 1, 100_000),
        max_sessions=_whole(env, "MAX_SESSIONS", default.max_sessions, 1, 1_000_000),
        session_ttl_s=_seconds(env, "SESSION_TTL_S", default.session_ttl_s),
        history_turns=_whole(env, "HISTORY_TURNS", default.history_turns, 0, 100),
        model_timeout_s=_seconds(env, "MODEL_TIMEOUT_S", default.model_timeout_s),
        model_retries=_whole(env, "MODEL_RETRIES", default.model_retries, 0, 10),
        turn_timeout_s=_seconds(env, "TURN_TIMEOUT_S", default.turn_timeout_s),
        log_level=_level(env, default.log_level),
        mode=_mode(env),
        version=(env.get("AGENT_VERSION") or default.version)[:100],
        record=_mode(env) == SHADOW or env.get("AGENTOPS_RECORD") == "1",
        model_script=Path(env["MODEL_SCRIPT"]) if env.get("MODEL_SCRIPT") else None,
        prices=(
            _price(env, "INPUT_USD_PER_MILLION", default.prices[0]),
            _price(env, "OUTPUT_USD_PER_MILLION", default.prices[1]),
        ),
        tell_cost=bool(env.get("INPUT_USD_PER_MILLION") and env.get("OUTPUT_USD_PER_MILLION")),
        drain_delay_s=_seconds(env, "DRAIN_DELAY_S", _POD_DRAIN_S if in_pod else default.drain_delay_s, low=0.0),
    )


def _find_prompts() -> Path:
    """The folder of the templates: below the working folder, or beside or above the package in a checkout."""
    for place in (Path.cwd(), *_PACKAGE.parents):
        if (place / "prompts" / "support_system.j2").is_file():
            return place / "prompts"
    return Path("prompts")


def _whole(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    try:
        value = int(env.get(name) or default)
    except ValueError:
        raise ConfigError(f"{name} must be a whole number") from None
    if not low <= value <= high:
        raise ConfigError(f"{name} must be between {low} and {high}")
    return value


def _seconds(env: Mapping[str, str], name: str, default: float, *, low: float = 0.001) -> float:
    try:
        value = float(env.get(name) or default)
    except ValueError:
        raise ConfigError(f"{name} must be a number of seconds") from None
    if not low <= value <= 86_400:
        raise ConfigError(f"{name} must be {'0 or more' if low == 0 else 'above 0'} and at most a day")
    return value


def _price(env: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(env.get(name) or default)
    except ValueError:
        raise ConfigError(f"{name} must be a price in US dollars") from None
    if not 0 <= value <= 1_000_000:
        raise ConfigError(f"{name} must be 0 or more")
    return value


def _mode(env: Mapping[str, str]) -> str:
    """Anything but a clear word is refused: an agent that misreads `Shadow` would act."""
    value = env.get("AGENTOPS_MODE") or LIVE
    if value not in (LIVE, SHADOW):
        raise ConfigError(f"AGENTOPS_MODE must be {LIVE} or {SHADOW}")
    return value


def _money(env: Mapping[str, str], name: str, default: Decimal) -> Decimal:
    try:
        value = Decimal(env.get(name) or default)
    except InvalidOperation:
        raise ConfigError(f"{name} must be an amount of money") from None
    if not (value.is_finite() and value >= 0):
        raise ConfigError(f"{name} must be 0 or more")
    return value.quantize(Decimal("0.01"))


def _url(env: Mapping[str, str], name: str, default: str) -> str:
    value = (env.get(name) or default).rstrip("/")
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{name} must be an http or https URL")
    return value


def _level(env: Mapping[str, str], default: str) -> str:
    value = (env.get("LOG_LEVEL") or default).lower()
    if value not in ("debug", "info", "warning", "error"):
        raise ConfigError("LOG_LEVEL must be debug, info, warning or error")
    return value
