import { formatListenAddress, type ListenAddress } from "../config/network.ts";
import { formatProblem } from "../config/problem.ts";
import { DAY, MINUTE } from "../kernel/clock.ts";
import { type Found, ok, type Patient, problem, storeOf, warning } from "./doctor-finding.ts";
import { directory, ledger, masterKey, octal, providerKeys, sharedDatabase } from "./doctor-store-checks.ts";
import type { ProviderFacts } from "./probe.ts";

export interface Check {
  name: string;
  look(patient: Patient): Found[] | Promise<Found[]>;
}

/** Below the first the store may fail at any moment; below the second it is time to act. */
const FREE_BYTES_NEEDED = 100 * 1024 * 1024;
const FREE_BYTES_WISHED = 1024 * 1024 * 1024;

/** A call has two sockets, its caller's and its provider's; the gateway carries 8,192 calls at once, and has files of its own. */
const OPEN_FILES_WISHED = 2 * 8_192 + 256;

/** Certificates are renewed a month before they end; three weeks before, somebody has forgotten. */
const CERTIFICATE_DAYS = 21;

/** Keys expire and windows turn by the clock. A minute is what people notice. */
const CLOCK_TOLERANCE_MS = MINUTE;

/** Nothing was written before Sallyport was; a clock that says so has not been set. */
const EARLIEST = Date.UTC(2025, 0, 1);

/** What the doctor looks at, in this order: what everything else stands on comes first. */
export const CHECKS: readonly Check[] = [
  { name: "runtime", look: runtime },
  { name: "environment", look: environment },
  { name: "data folder", look: dataFolder },
  { name: "disk", look: disk },
  { name: "gateway", look: gateway },
  { name: "database", look: sharedDatabase },
  { name: "master key", look: masterKey },
  { name: "directory", look: directory },
  { name: "ledger", look: ledger },
  { name: "provider keys", look: providerKeys },
  { name: "configuration", look: configuration },
  { name: "gateway port", look: (patient) => port(patient, patient.environment.listen, "SALLYPORT_LISTEN") },
  { name: "admin port", look: (patient) => port(patient, patient.environment.adminListen, "SALLYPORT_ADMIN_LISTEN") },
  { name: "tls", look: tls },
  { name: "providers", look: providers },
  { name: "clock", look: clock },
  { name: "open files", look: openFiles },
];

function runtime({ probes }: Patient): Found[] {
  const { running, pinned } = probes.bun();
  if (pinned === null)
    return [
      warning(
        `Bun ${running}; no package.json says which it should be`,
        "Run Sallyport from its own folder, by bin/sallyport.",
      ),
    ];
  if (running === pinned) return [ok(`Bun ${running}, as pinned`)];
  return [
    warning(
      `Bun ${running}, but ${pinned} is what this version was tested on`,
      "Run npm ci in Sallyport's folder, and start it by bin/sallyport.",
    ),
  ];
}

function environment({ problems, variables }: Patient): Found[] {
  if (problems.length === 0)
    return [
      ok(
        variables === 0
          ? "no variable is set; defaults hold"
          : `${variables} of Sallyport's variables ${variables === 1 ? "is" : "are"} set, and understood`,
      ),
    ];
  return problems.map((each) =>
    problem(formatProblem(each), "Correct or unset it; the gateway does not start with it."),
  );
}

function dataFolder({ probes, environment: { dataDir } }: Patient): Found[] {
  const facts = probes.folder(dataDir);
  if (!facts.exists) {
    if (facts.couldBeMade) return [ok(`${dataDir} is not there yet; the first start makes it`)];
    return [
      problem(
        `${dataDir} is not there, and cannot be made by this user`,
        "Make it, owned by the gateway's user, or set SALLYPORT_DATA_DIR.",
      ),
    ];
  }
  if (!facts.isFolder) return [problem(`${dataDir} is no folder`, "Set SALLYPORT_DATA_DIR to a folder.")];
  const found: Found[] = [];
  const user = probes.user();
  if (user !== null && user !== facts.owner) {
    found.push(
      warning(
        `${dataDir} belongs to user ${facts.owner}, and this is user ${user}`,
        "Run the gateway and the doctor as the folder's owner, or give the folder to the gateway's user (chown -R).",
      ),
    );
  }
  if (!facts.writable)
    found.push(problem(`${dataDir} cannot be written`, "Give it to the gateway's user (chown -R), with mode 0700."));
  if ((facts.mode & 0o077) !== 0) {
    found.push(warning(`${dataDir} is open to other users (mode ${octal(facts.mode)})`, `chmod 0700 ${dataDir}`));
  }
  return found.length > 0 ? found : [ok(`${dataDir} is the gateway's own (mode ${octal(facts.mode)})`)];
}

function disk({ probes, environment: { dataDir } }: Patient): Found[] {
  const { freeBytes } = probes.folder(dataDir);
  if (freeBytes === null) return [ok("free space is not told by this system")];
  const free = `${Math.floor(freeBytes / 1024 / 1024).toLocaleString("en")} MB free`;
  const mend = `Make room on the disk of ${dataDir}: a gateway that cannot write its ledger admits no calls.`;
  if (freeBytes < FREE_BYTES_NEEDED) return [problem(free, mend)];
  return [freeBytes < FREE_BYTES_WISHED ? warning(free, mend) : ok(free)];
}

function gateway({ probes, environment: { dataDir } }: Patient): Found[] {
  const { held, pid } = probes.lock(dataDir);
  if (!held) return [ok("no gateway is running on this data folder")];
  return [ok(`a gateway is running on this data folder${pid === null ? "" : ` (process ${pid})`}`)];
}

function configuration({ probes, environment: { configFile } }: Patient): Found[] {
  if (configFile === undefined) return [ok("no configuration file is set (SALLYPORT_CONFIG)")];
  const { problems, warnings } = probes.configuration(configFile, true);
  const doubts = warnings.map((each) => warning(formatProblem(each), "Correct the file, if it was not meant so."));
  if (problems.length === 0) return [ok(`${configFile} is valid`), ...doubts];
  return problems.map((each) =>
    problem(formatProblem(each), 'Correct the file; "sallyport config validate" checks it again.'),
  );
}

async function port(
  { probes, environment: surroundings }: Patient,
  address: ListenAddress,
  variable: string,
): Promise<Found[]> {
  const where = formatListenAddress(address);
  if (address.port === 0) return [ok(`${where}: the system chooses a free port`)];
  const facts = await probes.port(address, surroundings.tls !== undefined);
  const ours = probes.lock(surroundings.dataDir).held;
  if (facts.state === "free") {
    if (!ours) return [ok(`${where} is free`)];
    return [
      warning(
        `nothing answers at ${where}, though a gateway is running on this data folder`,
        `It listens elsewhere, or has not started yet; compare ${variable} with what it was started with.`,
      ),
    ];
  }
  if (facts.state === "forbidden") {
    return [
      problem(
        `this user may not listen at ${where}: ${facts.why}`,
        `Set ${variable} to an address of this machine and a port above 1023.`,
      ),
    ];
  }
  if (facts.state === "other") {
    const who = facts.program === null ? "another program" : facts.program;
    return [problem(`${where} is in use by ${who}`, `Stop that program, or set ${variable} to another port.`)];
  }
  if (!ours) {
    return [
      problem(
        `${where} is in use by a Sallyport with another data folder`,
        `Stop it, or set ${variable} to another port.`,
      ),
    ];
  }
  return facts.ready
    ? [ok(`${where}: a Sallyport answers, and is ready`)]
    : [warning(`${where}: a Sallyport answers, and is ${facts.detail}`, "If it stays so, its log says why.")];
}

function tls({ probes, environment: surroundings }: Patient): Found[] {
  if (surroundings.tls === undefined) {
    return surroundings.insecureHttp
      ? [
          warning(
            "plain HTTP is allowed on every address (SALLYPORT_INSECURE_HTTP)",
            "Make sure that something in front serves TLS, and that nobody reaches the gateway past it.",
          ),
        ]
      : [ok("plain HTTP, on loopback only")];
  }
  const { fault, notBefore, notAfter, names } = probes.certificate(surroundings.tls.cert, surroundings.tls.key);
  if (fault !== null)
    return [
      problem(
        fault,
        "Set SALLYPORT_TLS_CERT and SALLYPORT_TLS_KEY to a certificate chain and its private key, both PEM, both readable.",
      ),
    ];
  const now = probes.now();
  if (now < notBefore)
    return [
      problem(`the certificate is not valid before ${day(notBefore)}`, "Check the clock, or use another certificate."),
    ];
  if (now >= notAfter)
    return [
      problem(
        `the certificate ended on ${day(notAfter)}`,
        "Renew it; the gateway reads the new files without a restart.",
      ),
    ];
  const days = Math.floor((notAfter - now) / DAY);
  const what = `the certificate for ${names} ends on ${day(notAfter)}, in ${days} days`;
  return [
    days < CERTIFICATE_DAYS ? warning(what, "Renew it; the gateway reads the new files without a restart.") : ok(what),
  ];
}

async function providers(patient: Patient): Promise<Found[]> {
  const accounts = storeOf(patient)?.providers ?? [];
  const remote = accounts.filter(({ kind }) => kind !== "demo");
  if (remote.length === 0)
    return [
      warning(
        "no provider account but the demo",
        "Set a provider's key (OPENAI_API_KEY, ANTHROPIC_API_KEY, …) at the first start, or name providers in the configuration file.",
      ),
    ];
  if (!patient.online)
    return [
      ok(
        `${remote.length} provider ${remote.length === 1 ? "account" : "accounts"}; --online calls ${remote.length === 1 ? "it" : "them"}`,
      ),
    ];
  return Promise.all(remote.map((provider) => reach(patient, provider)));
}

async function reach({ probes }: Patient, provider: ProviderFacts): Promise<Found> {
  const facts = await probes.reach(provider);
  const at = provider.baseUrl === null ? "" : ` at ${provider.baseUrl}`;
  if (!facts.reached) {
    return problem(
      `${provider.name}${at} cannot be reached: ${facts.why}`,
      "Check the address, name resolution, firewall; an address on a private network needs allowPrivateNetwork.",
    );
  }
  const drift = facts.farClock === null ? 0 : Math.abs(facts.farClock - probes.now());
  if (drift > CLOCK_TOLERANCE_MS) {
    return warning(
      `${provider.name}${at} answers, but its clock and ours differ by ${Math.round(drift / 1000)} s`,
      "Set this machine's clock by NTP.",
    );
  }
  return ok(`${provider.name}${at} answers (status ${facts.status}, without a key)`);
}

function clock(patient: Patient): Found[] {
  const { probes, environment } = patient;
  const now = probes.now();
  const mend = "Set the clock by NTP (timedatectl set-ntp true): keys expire and limits turn by it.";
  if (now < EARLIEST) return [problem(`the clock says ${new Date(now).toISOString()}`, mend)];
  const latest = Math.max(storeOf(patient)?.latestAt ?? 0, probes.ledger(environment.dataDir)?.latestAt ?? 0);
  if (latest > now + CLOCK_TOLERANCE_MS) {
    return [
      warning(
        `the store has entries of ${new Date(latest).toISOString()}, which is to come: the clock was set back`,
        mend,
      ),
    ];
  }
  return [ok(new Date(now).toISOString())];
}

function openFiles({ probes }: Patient): Found[] {
  const limit = probes.openFiles();
  if (limit === null) return [ok("the limit is not told by this system")];
  if (limit >= OPEN_FILES_WISHED) return [ok(`${limit.toLocaleString("en")} at once`)];
  return [
    warning(
      `${limit.toLocaleString("en")} at once: enough for about ${Math.floor((limit - 64) / 2).toLocaleString("en")} open calls`,
      "Raise it where the gateway is started: ulimit -n 65536, or LimitNOFILE=65536 in its systemd unit.",
    ),
  ];
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
