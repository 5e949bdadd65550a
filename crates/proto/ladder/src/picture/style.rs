//! Colours and letters of the pictures. Contrast is at least 4.5 to 1 on the ground, by day and by night.

/// The style of the SVG; classes say what a thing is, and no element has a style of its own.
pub(super) const SVG: &str = "\
.ladder{font-family:system-ui,'Segoe UI','DejaVu Sans',sans-serif;font-size:13px;--ground:#ffffff;--ink:#1c2430;--soft:#5b6675;\
--line:#c3cad4;--box:#f1f4f8;--ask:#1659a8;--wait:#5b6675;--good:#176b3a;--else:#8a5300;--bad:#b3261e;--note:#fff8e1;--noteline:#d9b44a;\
--badnote:#fdecea;--edge:#7a3e9d;--ours:#24527a;--other:#3d4653}\
@media (prefers-color-scheme:dark){.ladder{--ground:#14181e;--ink:#e6eaf0;--soft:#a3adba;--line:#3b4552;--box:#1f2630;--ask:#7fb6ff;\
--wait:#a3adba;--good:#6fcf97;--else:#f2b56b;--bad:#ff8a80;--note:#2c2717;--noteline:#8a7330;--badnote:#3a1f1d;--edge:#cf9bea;\
--ours:#8ec1ee;--other:#c3cad4}}\
.ladder .ground{fill:var(--ground)}.ladder text{fill:var(--ink)}.ladder .soft{fill:var(--soft);font-size:11px}\
.ladder .line{stroke:var(--line);stroke-width:1.5}.ladder .silent{stroke-dasharray:3 5}\
.ladder .box{fill:var(--box);stroke-width:1.5}.ladder .edge{stroke:var(--edge)}.ladder .ours{stroke:var(--ours)}\
.ladder .other{stroke:var(--other)}.ladder .name{font-weight:600}\
.ladder .time{fill:var(--soft);font-size:11px;font-family:ui-monospace,'DejaVu Sans Mono',monospace}\
.ladder .shaft{fill:none;stroke-width:1.8}.ladder .head{stroke:none}.ladder .gap .shaft{stroke-dasharray:6 4}\
.ladder .again{opacity:.65}.ladder .label{font-weight:500;paint-order:stroke;stroke:var(--ground);stroke-width:5px;stroke-linejoin:round}\
.ladder .ask .shaft{stroke:var(--ask)}.ladder .ask .head,.ladder .ask .label{fill:var(--ask)}\
.ladder .wait .shaft{stroke:var(--wait)}.ladder .wait .head,.ladder .wait .label{fill:var(--wait)}\
.ladder .good .shaft{stroke:var(--good)}.ladder .good .head,.ladder .good .label{fill:var(--good)}\
.ladder .else .shaft{stroke:var(--else)}.ladder .else .head,.ladder .else .label{fill:var(--else)}\
.ladder .bad .shaft{stroke:var(--bad)}.ladder .bad .head,.ladder .bad .label{fill:var(--bad)}\
.ladder .lost{fill:var(--bad);font-weight:700}.ladder .badge{fill:var(--box);stroke:var(--line)}\
.ladder .count{font-size:11px;text-anchor:middle}.ladder .mid{text-anchor:middle}.ladder .end{text-anchor:end}\
.ladder .note{fill:var(--note);stroke:var(--noteline)}.ladder .trouble .note{fill:var(--badnote);stroke:var(--bad)}\
.ladder .dot{fill:var(--noteline)}.ladder .trouble .dot{fill:var(--bad)}.ladder .note-text{font-size:12px}\
.ladder .sentence{font-size:15px;font-weight:600}.ladder .row{cursor:default}.ladder .hit{fill:transparent}";

/// What the page has beside.
pub(super) const PAGE: &str = "\
:root{color-scheme:light dark;--ground:#fff;--ink:#1c2430;--soft:#5b6675;--line:#c3cad4;--box:#f1f4f8;--mark:#1659a8}\
@media (prefers-color-scheme:dark){:root{--ground:#14181e;--ink:#e6eaf0;--soft:#a3adba;--line:#3b4552;--box:#1f2630;--mark:#7fb6ff}}\
*{box-sizing:border-box}html,body{height:100%}\
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,'Segoe UI','DejaVu Sans',sans-serif;display:flex;flex-direction:column}\
header{padding:1rem 1.25rem .75rem;border-bottom:1px solid var(--line)}h1{font-size:1.15rem;margin:0 0 .25rem;text-wrap:balance}\
header p{margin:0;color:var(--soft);font-size:.87rem;overflow-wrap:anywhere}header ul{margin:.5rem 0 0;padding-left:1.2rem;font-size:.87rem}\
main{flex:1;min-height:0;display:flex}.picture{flex:1;overflow:auto;min-width:0}.picture svg{display:block;max-width:100%;height:auto;min-width:46rem;margin:0 auto}\
aside{width:min(42rem,38%);border-left:1px solid var(--line);overflow:auto;padding:1rem 1.25rem}\
section{display:none}section.shown{display:block}h2{font-size:1rem;margin:0 0 .5rem;overflow-wrap:anywhere}\
section p{margin:.15rem 0;color:var(--soft);font-size:.85rem;overflow-wrap:anywhere}\
pre{background:var(--box);border:1px solid var(--line);border-radius:6px;padding:.75rem;overflow-x:auto;font:12.5px/1.5 ui-monospace,'DejaVu Sans Mono',monospace;white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate}\
.hint{color:var(--soft)}.row[tabindex]{cursor:pointer!important;outline:none}.row[tabindex] .badge,.row[tabindex] .note{transition:none}\
.ladder .row[tabindex]:hover .hit{fill:var(--box);fill-opacity:.55}.ladder .row.on .hit{fill:var(--mark);fill-opacity:.13}\
.ladder .row:focus-visible .badge,.ladder .row:focus-visible .note{stroke:var(--mark);stroke-width:2.5}\
@media (max-width:60rem){main{flex-direction:column}aside{width:auto;border-left:0;border-top:1px solid var(--line);max-height:45%}}\
@media print{aside{display:none}main,.picture{overflow:visible}body{display:block}}";

/// The page's script: shows the section of the row that is selected by pointer or keys.
pub(super) const SCRIPT: &str = "\
(function(){var rows=Array.from(document.querySelectorAll('.row[data-row]')),hint=document.querySelector('.hint');\
function show(row){rows.forEach(function(one){one.classList.toggle('on',one===row)});\
document.querySelectorAll('section').forEach(function(one){one.classList.toggle('shown',one.id==='row-'+row.dataset.row)});\
hint.hidden=true;row.focus({preventScroll:true});row.scrollIntoView({block:'nearest',inline:'nearest'})}\
rows.forEach(function(row){row.setAttribute('tabindex','0');row.setAttribute('role','button');\
row.addEventListener('click',function(){show(row)});\
row.addEventListener('keydown',function(event){var at=rows.indexOf(row),step={ArrowDown:1,ArrowUp:-1}[event.key];\
if(step&&rows[at+step]){event.preventDefault();show(rows[at+step])}\
else if(event.key==='Enter'||event.key===' '){event.preventDefault();show(row)}})})})();";

/// The digests of the three, as a policy names them; a test makes them anew.
pub(super) const DIGESTS: [&str; 3] = [
    "lPxo/loaVylSfpzzaNqf4CLXyYUBV2pnNKisyBIidps=",
    "DQGLYx8Vny9G+WrOX2iCTGajKSvUcfkEZz5WgIGUKXA=",
    "N4EVJOpQSAMUvy3yeBiqrt0TeLYEJ9g72UgtmJzV31M=",
];

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use sha2::{Digest as _, Sha256};

    use super::{DIGESTS, PAGE, SCRIPT, SVG};

    #[test]
    fn the_policy_names_what_the_page_has() {
        let made = [SVG, PAGE, SCRIPT].map(|text| BASE64_STANDARD.encode(Sha256::digest(text)));
        assert_eq!(made.each_ref().map(String::as_str), DIGESTS);
    }
}
