import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import "./page.css";

function Page() {
  const [text, setText] = useState("connecting");
  useEffect(() => {
    const ask = () =>
      fetch("api/v1/status").then(async (answer) => setText(answer.ok ? await answer.text() : `status ${answer.status}`), () => setText("the engine does not answer"));
    void ask();
    const timer = setInterval(ask, 1000);
    return () => clearInterval(timer);
  }, []);
  return <main><h1>weir</h1><pre>{text}</pre></main>;
}

render(<Page />, document.getElementById("page")!);
