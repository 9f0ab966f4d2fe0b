// A widget without a view: it brings plotly.js to the page.
import { deliverPlotly } from "./plotly_page.js";

export default {
  initialize({ model }) {
    void deliverPlotly(model.get("script"));
  },
};
