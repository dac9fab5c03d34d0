#pragma once

#include <array>
#include <string_view>

namespace see::detail {

/// Common irregular forms of English, for where no list of exceptions is at hand: for each part of
/// speech, dictionary forms with their irregular forms after them, ended by ';'. Forms that the
/// rules of detachment find are left out.
inline constexpr std::array<std::string_view, 4> irregular_forms{
    // nouns
    "analysis analyses;appendix appendices;axis axes;axe axes;bacterium bacteria;basis bases;"
    "calf calves;cactus cacti;child children;crisis crises;criterion criteria;"
    "curriculum curricula;datum data;diagnosis diagnoses;elf elves;foot feet;"
    "formula formulae;fungus fungi;goose geese;half halves;hypothesis hypotheses;"
    "index indices;knife knives;larva larvae;leaf leaves;life lives;loaf loaves;"
    "louse lice;man men;matrix matrices;medium media;mouse mice;nucleus nuclei;"
    "oasis oases;ox oxen;parenthesis parentheses;person people;phenomenon phenomena;"
    "radius radii;scarf scarves;self selves;shelf shelves;stimulus stimuli;"
    "stratum strata;synthesis syntheses;thesis theses;thief thieves;tooth teeth;"
    "vertex vertices;wife wives;wolf wolves;woman women;",
    // verbs
    "be am is are was were been being;have has had having;do does did done doing;"
    "go goes went gone;say says said;arise arose arisen;awake awoke awoken;"
    "bear bore borne;beat beaten;become became;begin began begun;bend bent;bind bound;"
    "bite bit bitten;bleed bled;blow blew blown;break broke broken;breed bred;"
    "bring brought;build built;burn burnt;buy bought;catch caught;choose chose chosen;"
    "cling clung;come came;creep crept;deal dealt;die dying;dig dug;draw drew drawn;"
    "dream dreamt;drink drank drunk;drive drove driven;eat ate eaten;fall fell fallen;"
    "feed fed;feel felt;fight fought;find found;flee fled;fling flung;fly flew flown;"
    "forbid forbade forbidden;forget forgot forgotten;forgive forgave forgiven;"
    "freeze froze frozen;get got gotten;give gave given;grind ground;grow grew grown;"
    "hang hung;hear heard;hide hid hidden;hold held;keep kept;kneel knelt;"
    "know knew known;lay laid;lead led;lean leant;leap leapt;learn learnt;leave left;"
    "lend lent;lie lay lain lying;light lit;lose lost;make made;mean meant;meet met;"
    "mistake mistook mistaken;overcome overcame;overtake overtook overtaken;"
    "panic panicked panicking;pay paid;prove proven;ride rode ridden;ring rang rung;"
    "rise rose risen;run ran;see saw seen;seek sought;sell sold;send sent;sew sewn;"
    "shake shook shaken;shine shone;shoot shot;show shown;shrink shrank shrunk;"
    "sing sang sung;sink sank sunk;sit sat;sleep slept;slide slid;sling slung;"
    "smell smelt;sow sown;speak spoke spoken;speed sped;spell spelt;spend spent;"
    "spill spilt;spin spun;spit spat;spoil spoilt;spring sprang sprung;stand stood;"
    "steal stole stolen;stick stuck;sting stung;stink stank stunk;strike struck stricken;"
    "string strung;strive strove striven;swear swore sworn;sweep swept;swell swollen;"
    "swim swam swum;swing swung;take took taken;teach taught;tear tore torn;tell told;"
    "think thought;throw threw thrown;tie tying;tread trod trodden;"
    "undergo underwent undergone;understand understood;undertake undertook undertaken;"
    "wake woke woken;wear wore worn;weave wove woven;weep wept;win won;wind wound;"
    "withdraw withdrew withdrawn;withstand withstood;write wrote written;",
    // adjectives
    "bad worse worst;far farther farthest further furthest;good better best;"
    "ill worse worst;little less least;many more most;much more most;",
    // adverbs
    "badly worse worst;far farther farthest further furthest;ill worse worst;"
    "little less least;much more most;well better best;",
};

}  // namespace see::detail
