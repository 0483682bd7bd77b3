import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { PemSource } from "../config/environment.ts";
import type { CertificateFacts } from "./probe.ts";

/** Whether certificate and key can be read, are what they should be, and belong together; until when. */
export function lookAtCertificate(cert: PemSource, key: PemSource): CertificateFacts {
  const broken = (fault: string): CertificateFacts => ({ fault, notBefore: 0, notAfter: 0, names: "" });
  const certText = readPem(cert);
  if (certText === undefined) return broken(`${nameOf(cert)} (SALLYPORT_TLS_CERT) cannot be read`);
  const keyText = readPem(key);
  if (keyText === undefined) return broken(`${nameOf(key)} (SALLYPORT_TLS_KEY) cannot be read`);
  const certificate = attempt(() => new X509Certificate(certText));
  if (certificate === undefined) return broken(`${nameOf(cert)} (SALLYPORT_TLS_CERT) is no PEM certificate`);
  const privateKey = attempt(() => createPrivateKey(keyText));
  if (privateKey === undefined)
    return broken(`${nameOf(key)} (SALLYPORT_TLS_KEY) is no PEM private key without a passphrase`);
  return {
    fault: certificate.checkPrivateKey(privateKey) ? null : "the private key does not belong to the certificate",
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    names: (certificate.subjectAltName ?? certificate.subject ?? "").replace(/\s*\n\s*/g, ", "),
  };
}

function readPem(source: PemSource): string | undefined {
  return "text" in source ? source.text.reveal() : attempt(() => readFileSync(source.file, "utf8"));
}

function nameOf(source: PemSource): string {
  return "text" in source ? "the PEM text" : source.file;
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
