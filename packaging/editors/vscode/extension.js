// Starts `weir lsp` for documents of the language.
"use strict";
const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

exports.activate = async () => {
  const settings = workspace.getConfiguration("weir");
  const server = { command: settings.get("path"), args: ["lsp"] };
  client = new LanguageClient("weir", "weir", server, {
    documentSelector: [{ language: "weir" }],
    initializationOptions: { include: settings.get("include") },
  });
  await client.start();
};

exports.deactivate = () => client && client.stop();
