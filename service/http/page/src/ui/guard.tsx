// A view that fails (an engine of another version, a bug) says so; the others go on.
import { Component, type ComponentChildren } from "preact";
import { Empty } from "./parts";

export class Guard extends Component<{ children: ComponentChildren }, { error: string }> {
  static getDerivedStateFromError(error: unknown) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
  render() {
    if (!this.state.error) return this.props.children;
    return <Empty title="This view cannot be shown">{this.state.error}. Is the page from another version than the engine? Load it again.</Empty>;
  }
}
