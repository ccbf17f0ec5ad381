"""agentops record."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentops.cli import options

if TYPE_CHECKING:
    from agentops.model.rollout_settings import Place
    from agentops.model.settings import Settings

_RECORDS = ".agentops/records"


@click.group("record")
def command() -> None:
    """Sign what a run decided of an image, and look at what was signed.

    A record binds a PASS to an image, a commit and a policy. `agentops rollout` takes no image without one.
    """


@command.command("new-key")
@click.option("--out", "private", type=click.Path(path_type=Path), default=Path("agentops-record.key"),
              show_default=True, help="Where the private key goes; keep it in a secret store.")  # fmt: skip
@click.option("--public", type=click.Path(path_type=Path), default=Path("agentops-record.pub"), show_default=True,
              help="Where the public key goes; commit it and name it under rollout.admission.keys.")  # fmt: skip
def new_key(private: Path, public: Path) -> int:
    """Make a pair of ed25519 keys. Nothing is written over."""
    from agentops.errors import UsageError
    from agentops.gate import record_envelope

    key = record_envelope.new_key()
    for path in (private, public):
        if path.exists():
            raise UsageError(f"{path} is there already", hint="give other names with --out and --public")
    try:
        handle = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as sink:
            sink.write(key.private_bytes)
        with public.open("xb") as sink:
            sink.write(record_envelope.public_pem(key.public_key))
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be written: {error.strerror}", hint="give other names") from None
    click.echo(f"private key: {private} (keep it out of the repository)")
    click.echo(f"public key:  {public}")
    click.echo(f"key id:      {key.public_key.keyid}")
    return 0


@command.command("sign")
@click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path, file_okay=False))
@options.config
@click.option("-e", "--environment", default=None,
              help="The environment of the gate whose policy decides.  [default: the run's own]")  # fmt: skip
@click.option("--key", "key_path", type=click.Path(path_type=Path), default=None, help="The file of the private key.")
@click.option("--key-env", metavar="NAME", default=None, help="The variable that holds the private key.")
@click.option("--image", metavar="NAME@sha256:...", default="",
              help="Where a registry has the measured image; it is asked whether that is so.")  # fmt: skip
@click.option("--journal-sha256", default="", help="What the measuring job said that the run's journal hashes to.")
@click.option("--records", type=click.Path(path_type=Path), default=None,
              help=f"The folder of records.  [default: {_RECORDS} beside the configuration]")  # fmt: skip
@click.option("--url", default="", help="Where the measuring job can be looked at.")
@click.option("--record-failure", is_flag=True, help="Record a run that is no pass too, as FAILED.")
def sign(
    run_path: Path,
    config_path: Path | None,
    environment: str | None,
    key_path: Path | None,
    key_env: str | None,
    image: str,
    journal_sha256: str,
    records: Path | None,
    url: str,
    record_failure: bool,
) -> int:
    """Make the signed record of a run.

    RUN is the folder that `agentops check` left, perhaps in another job. Needs the checkout that was measured, and no
    engine; nothing of the agent's runs. The run has to be a PASS of full scope in a container.
    """
    from agentops.cli.record_key import the_key
    from agentops.config import load
    from agentops.errors import ExitCode
    from agentops.gate import record_mint

    key = the_key(key_path, key_env)
    settings, _ = load.load(config_path or Path(load.DEFAULT_NAME))
    measured = record_mint.check_run(
        run_path, settings=settings, environment=environment, expected=journal_sha256, now=time.time()
    )
    signed = record_mint.sign(
        measured,
        record_mint.subjects(measured, image),
        key=key,
        settings=settings,
        records=records or settings.root / _RECORDS,
        url=url,
        failure_too=record_failure,
    )
    subject = measured.run.subject
    click.echo(f"{'PASSED' if signed.passed else 'FAILED'}: {measured.run.agent} {subject.image_id}")
    told = {
        "level": signed.level if signed.passed else "none",
        "commit": subject.commit,
        "measured": measured.run.finished_at,
        "evidence": signed.evidence,
        "decision": signed.decision,
        "sha256": signed.sha256,
        "key": key.public_key.keyid,
    }
    for name, value in told.items():
        click.echo(f"  {name:<9} {value}")
    if subject.digest and not measured.pushed and not image:
        click.echo(f"note: no registry was asked about {subject.digest[:19]}: --image names it in the record", err=True)
    return int(ExitCode.PASS if signed.passed else ExitCode.FAIL)


@command.command("verify")
@click.argument("image", metavar="IMAGE")
@options.config
@click.option("--to", "to", default=None, metavar="ENVIRONMENT",
              help="The environment of the rollout that would take the image.")  # fmt: skip
@click.option("-e", "--environment", default=None, help="The environment of the gate, where no rollout is configured.")
@click.option("--key", "keys", multiple=True, metavar="FILE",
              help="A public key to trust, in place of the configured ones (may be repeated).")  # fmt: skip
@click.option(
    "--records", default=None, metavar="FOLDER", help="The folder of records, in place of the configured one."
)
@click.option("--max-age-hours", type=float, default=None, help="How old a record may be.")
def verify(
    image: str,
    config_path: Path | None,
    to: str | None,
    environment: str | None,
    keys: tuple[str, ...],
    records: str | None,
    max_age_hours: float | None,
) -> int:
    """Ask whether IMAGE would be admitted now, as a rollout asks. Writes nothing.

    IMAGE is NAME@sha256:..., or a tag, whose digest is looked up once and told.
    """
    from agentops.config import load
    from agentops.drivers import registry
    from agentops.gate import admission
    from agentops.gate.record import stamp
    from agentops.text import said

    settings, _ = load.load(config_path or Path(load.DEFAULT_NAME))
    place = _place(settings, to, environment)
    place = _over(
        place,
        keys=tuple(str(Path(key).resolve()) for key in keys) or None,
        records=None if records is None else str(Path(records).resolve()),
        max_age_hours=max_age_hours,
    )
    named = registry.parse(image)
    pinned = image if named.digest else f"{named.name}@{registry.resolve(image)}"
    admitted = admission.admit(place, pinned, settings=settings, now=time.time())
    click.echo(f"admitted: {admitted.image}")
    for name, told in (
        ("to", place.name), ("level", admitted.level), ("commit", admitted.commit), ("image", admitted.image_id),
        ("decided", stamp(admitted.verified_at)), ("until", stamp(admitted.expires_at)),
        ("record", admitted.record_sha256), ("policy", admitted.policy_sha256),
        *((f"{name} passed", digest) for name, digest in admitted.passed.items()),
        *(("scripted", f"{word}: this says nothing of a real one") for word in admitted.scripted),
    ):  # fmt: skip
        click.echo(f"  {name:<9} {said(str(told))}")
    return 0


@command.command("revoke")
@click.argument("digest", metavar="DIGEST")
@options.config
@click.option("--reason", required=True, help="Why; told to whoever is refused.")
@click.option("--list", "listed", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help="The list of what is revoked.  [default: rollout.admission.revoked]")  # fmt: skip
def revoke(digest: str, config_path: Path | None, reason: str, listed: Path | None) -> int:
    """Take a record, an image or a commit back: no rollout is admitted on it from now on.

    DIGEST is the sha256 of a record's envelope or of an image, or a commit. The list is a text file; commit it, for it
    holds where it is read.
    """
    import getpass

    from agentops.config import load
    from agentops.errors import UsageError
    from agentops.gate import record_folder

    files = [listed] if listed is not None else []
    if listed is None:
        settings, _ = load.load(config_path or Path(load.DEFAULT_NAME))
        named = dict.fromkeys(p.admission.revoked for p in settings.rollout.values() if p.admission.revoked)
        files = [settings.root / name for name in named]
        if not files or any(p.admission.revoked is None for p in settings.rollout.values()):
            raise UsageError(
                "not every environment names a list of what is revoked",
                hint="set rollout.admission.revoked for all of them, or name the list with --list",
            )
    try:
        who = getpass.getuser()
    except (KeyError, OSError):
        who = "unknown"
    for path in files:
        record_folder.revoke(path, digest, why=reason, by=who, now=time.time())
        click.echo(f"revoked in {path}")
    return 0


@command.command("show")
@click.argument("record_path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--key", "keys", multiple=True, type=click.Path(path_type=Path, dir_okay=False),
              help="A public key to check the signature with (may be repeated).")  # fmt: skip
def show(record_path: Path, keys: tuple[Path, ...]) -> int:
    """Print the statement in an envelope. Without --key the signature is not checked, and it says so."""
    import base64
    import hashlib
    import json

    from agentops.errors import UsageError
    from agentops.gate import admission, record_envelope
    from agentops.gate.record_envelope import BadSignature, Unreadable
    from agentops.text import said

    try:
        with record_path.open("rb") as source:
            raw = source.read(record_envelope.MAX_BYTES + 1)
        if keys:
            pinned = [admission.read_public_key(key, shown=str(key)) for key in keys]
            found = record_envelope.unseal(raw, pinned)
            statement, told = found.statement, f"signed by {found.keyid}"
        else:
            envelope = record_envelope.parse(raw)
            statement, told = record_envelope.parse(base64.b64decode(envelope["payload"])), "signature not checked"
    except OSError as error:
        raise UsageError(f"{record_path}: cannot be read: {error.strerror}", hint="name an envelope") from None
    except BadSignature as error:
        raise UsageError(f"{record_path}: {said(str(error))}", hint="name the key that signed it") from None
    except (Unreadable, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{record_path}: no record: {said(str(error))}", hint="name an envelope") from None
    click.echo(f"# {told}; sha256 {hashlib.sha256(raw).hexdigest()}", err=True)
    # Pure ASCII: nothing in it reaches a terminal but as an escape.
    click.echo(json.dumps(statement, indent=2, ensure_ascii=True))
    return 0


def _place(settings: Settings, to: str | None, environment: str | None) -> Place:
    """The environment of the rollout that is asked about; where none is configured, one of the gate's policy alone."""
    from agentops.config.rollout import DEFAULT
    from agentops.errors import UsageError
    from agentops.model.rollout_settings import Place

    known = settings.rollout
    if not known and to is None:
        return Place(DEFAULT, settings.agent.name, policy=environment or "release")
    name = to or (DEFAULT if DEFAULT in known else next(iter(known)) if len(known) == 1 else "")
    if name not in known:
        raise UsageError(
            f"there is no environment {name!r} of the rollout" if name else "several environments are configured",
            hint=f"--to names one of {', '.join(known) or 'none: the configuration has no rollout'}",
        )
    return known[name] if environment is None else _over(known[name], policy=environment)


def _over(place: Place, *, policy: str | None = None, **admission: Any) -> Place:
    """The place with what is given in place of its own."""
    from dataclasses import replace

    given = {key: value for key, value in admission.items() if value is not None}
    return replace(place, policy=policy or place.policy, admission=replace(place.admission, **given))
