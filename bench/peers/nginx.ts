/** nginx as a plain reverse proxy, tuned as its own documentation advises for proxied streams. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CACHE } from "../process.ts";

/** The command line of nginx between these two ports; its files go to the cache folder. */
export function nginxCommand(port: number, upstreamPort: number): string[] {
  const folder = join(CACHE, "nginx");
  mkdirSync(folder, { recursive: true });
  const config = join(folder, "nginx.conf");
  writeFileSync(config, nginxConfig(folder, port, upstreamPort));
  return ["nginx", "-e", join(folder, "error.log"), "-p", folder, "-c", config];
}

export function nginxConfig(folder: string, port: number, upstreamPort: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `  ${name}_temp_path ${folder}/${name};`)
    .join("\n");
  return `daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 16384; }
http {
  access_log off;
${temporary}
  upstream provider { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    keepalive_requests 1000000;
    location / {
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 300s;
    }
  }
}
`;
}
