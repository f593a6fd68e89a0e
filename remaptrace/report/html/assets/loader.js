"use strict";
// Unpacks data and code. The code runs because the page's policy names its hash.
(async () => {
  const unpack = async (id) => {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
  };
  window.remaptraceData = await (await unpack("data")).arrayBuffer();
  const code = document.createElement("script");
  code.textContent = await (await unpack("code")).text();
  document.body.append(code);
})().catch((error) => {
  document.getElementById("sides").textContent = "The charts of this page need a browser of 2023 or later: " + error;
});
