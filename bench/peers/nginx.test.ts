import { expect, test } from "bun:test";
import { nginxConfig } from "./nginx.ts";

test("nginx passes streams on unbuffered, over kept-alive connections, and writes only to its own folder", () => {
  const config = nginxConfig("/cache/nginx", 1234, 5678);
  expect(config).toContain("listen 127.0.0.1:1234 ");
  expect(config).toContain("server 127.0.0.1:5678;");
  expect(config).toContain("proxy_buffering off;");
  expect(config).toContain('proxy_set_header Connection "";');
  const paths = [...config.matchAll(/(?:_path|pid|error_log) (\S+);/g)].map((match) => match[1]);
  expect(paths).toHaveLength(7);
  for (const path of paths) expect(path).toStartWith("/cache/nginx/");
});
